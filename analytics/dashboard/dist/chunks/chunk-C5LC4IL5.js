import{K as $,L as p,ca as o,h as a,ma as i}from"./chunk-JKRTTABF.js";function k({title:s,name:c,column:l,second:e,rows:n,empty:t,isBusy:d,foot:u}){return a`<section class=${"card panel"+(d?" busy":"")} aria-label=${s}>
    <div class="tabs"><h2 class="tab on">${s}</h2></div>
    ${n?n.length?a`<${r} name=${c}
      column=${l} second=${e} rows=${n} />`:a`<${o} title=${i("nothing")}>${t}<//>`:a`<div class="skeleton map-sk"></div>`}
    ${u}
  </section>`}function r({name:s,column:c,second:l,rows:e}){let n=Math.max(1,...e.map(t=>t.value));return a`<table>
    <colgroup><col />${l&&a`<col class="c-v" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${s}</th>${l&&a`<th scope="col">${l}</th>`}<th scope="col">${c}
      </th></tr></thead>
    <tbody>${e.map(t=>a`<tr key=${t.key}>
      <td class="row"><span class="fill" style=${{"--w":t.value/n*100+"%"}}></span>
        ${t.open?a`<button class="cell" onClick=${t.open} title=${t.title}><${m} row=${t} />
          </button>`:a`<span class="cell" title=${t.text}><${m} row=${t} /></span>`}</td>
      ${l&&a`<td class="s">${t.second}</td>`}
      <td class="v" title=${$(t.value)}>${p(t.value)}</td></tr>`)}</tbody>
  </table>`}var m=({row:s})=>a`${s.flag&&a`<span class="flag" aria-hidden="true">${s.flag}</span>`}<span
  class="lbl">${s.text}</span>`,g=({name:s,value:c,title:l,foot:e})=>a`<div class="kpi" title=${l}><span
  class="kpi-label">${s}</span><span class="kpi-value">${c}</span><span class="kpi-foot">${e}</span></div>`;export{k as a,g as b};
