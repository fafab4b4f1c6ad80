import{E as $,Ea as m,F as p,ca as o,da as i,g as a}from"./chunk-DVZ2JOGS.js";function g({title:l,name:c,column:s,second:e,rows:n,empty:t,isBusy:u,foot:r}){return a`<section class=${"card panel"+(u?" busy":"")} aria-label=${l}>
<div class="tabs"><h2 class="tab on">${l}</h2></div>
${n?n.length?a`<${h} name=${c}
column=${s} second=${e} rows=${n} />`:a`<${o} title=${m("nothing")}>${t}<//>`:a`<div class="skeleton map-sk"></div>`}
${r}
</section>`}function h({name:l,column:c,second:s,rows:e}){let n=Math.max(1,...e.map(t=>t.value));return a`<table>
<colgroup><col />${s&&a`<col class="c-2" />`}<col class="c-v" /></colgroup>
<thead><tr><th scope="col">${l}</th>${s&&a`<th scope="col">${s}</th>`}<th scope="col">${c}
</th></tr></thead>
<tbody>${e.map(t=>a`<tr key=${t.key}>
<td class="row"><${i} part=${t.value/n} />
${t.open?a`<button class="cell" onClick=${t.open} title=${t.title}><${d} row=${t} />
</button>`:a`<span class="cell" title=${t.text}><${d} row=${t} /></span>`}</td>
${s&&a`<td class="s">${t.second}</td>`}
<td class="v" title=${$(t.value)}>${p(t.value)}</td></tr>`)}</tbody>
</table>`}var d=({row:l})=>a`${l.flag&&a`<span class="flag" aria-hidden="true">${l.flag}</span>`}<span
class="lbl">${l.text}</span>`,x=({name:l,value:c,title:s,foot:e})=>a`<div class="kpi" title=${s}><span
class="kpi-label">${l}</span><span class="kpi-value">${c}</span><span class="kpi-foot">${e}</span></div>`;export{g as a,x as b};
