import{Fa as r,g as t,za as i}from"./chunk-UMTCUHV3.js";var d=({title:n,text:s,yes:a,confirm:l,close:o})=>t`<${i} title=${n} close=${o}
  isNarrow=${!0}><div class="ask">${s}</div>
  <div class="dlg-foot"><button class="btn" data-focus onClick=${o}>${r("cancel")}</button>
    <button class="btn danger" onClick=${l}>${a}</button></div><//>`;export{d as a};
