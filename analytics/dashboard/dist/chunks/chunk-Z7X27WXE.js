import{Ja as i,Pa as r,g as t}from"./chunk-QY3K5IEE.js";var d=({title:n,text:s,yes:a,confirm:l,close:o})=>t`<${i} title=${n} close=${o}
  isNarrow=${!0}><div class="ask">${s}</div>
  <div class="dlg-foot"><button class="btn" data-focus onClick=${o}>${r("cancel")}</button>
    <button class="btn danger" onClick=${l}>${a}</button></div><//>`;export{d as a};
