import{b as v}from"./chunk-3FAOWEPM.js";import{d as f,f as u}from"./chunk-SPHTWQJH.js";import{b as h,c as y}from"./chunk-R6ISBZZL.js";import{Ca as m,E as n,Ea as e,F as i,U as $,_ as p,ca as d,g as l}from"./chunk-DVZ2JOGS.js";var b="page_view";function O({type:t,path:o,filter:a}){let c=t===b&&o?e("ofPage",{path:o}):o?e("ofEventOnPage",{type:t,path:o}):e("ofEvent",{type:p(t)});return a?`${c}, ${e("withFilter")}`:c}function k({currency:t,amount:o}){let a=o;try{if(t)return new Intl.NumberFormat(m,{style:"currency",currency:t}).format(a)}catch{}return new Intl.NumberFormat(m,{maximumFractionDigits:2}).format(a)+(t?` ${t}`:"")}var A=t=>t.amounts?.length?t.amounts.map(k).join(", "):"",E=t=>t.without_amount?e("worthNothing",{n:n(t.without_amount)}):"",g=(t="signup")=>[{label:e("trackCall"),text:`analytics(${JSON.stringify(t)}, { plan: "pro" });`},{label:e("trackSdk"),text:`client.track(${JSON.stringify(t)}, { plan: "pro" });`},{label:e("trackMarkup"),text:`<button data-analytics-event="${w(t)}" data-analytics-plan="pro">…</button>`}],w=t=>t.replaceAll("&","&amp;").replaceAll('"',"&quot;").replaceAll("<","&lt;"),P=(t,o)=>t+(o.compare==="none"?"":"&compare="+o.compare);var T=3;function W({data:t,isBusy:o,state:a,open:r}){return l`<section class=${"card panel"+(o?" busy":"")} aria-label=${e("eventTypes")}>
<div class="tabs"><h2 class="tab on">${e("eventTypes")}</h2></div>
${t?t.types.length?l`<${N} data=${t} state=${a} open=${r} />`:l`<${d} title=${e("noTypes")}>${e("noTypesText")}<//><${_} />`:l`<div class="skeleton list-sk"></div>`}
${t&&t.type_count>t.types.length&&l`<div class="panel-foot"><span>${e("typesInAll",{n:n(t.type_count)},t.type_count)}</span></div>`}
</section>`}var _=({type:t})=>l`<div class="snippets">${g(t).map(({label:o,text:a})=>l`<div key=${o}>
<div class="code-head">${o}</div><${v} text=${a} label=${o} /></div>`)}</div>`;function N({data:t,state:o,open:a}){let r=t.types.some(s=>s.change),c=t.types[0].series.length>=T,x=Math.max(1,...t.types.map(s=>s.events));return l`<table class="wide">
<colgroup><col />${c&&l`<col class="c-t hide-small" />`}<col class="c-v" /><col class="c-v" />
${r&&l`<col class="c-v hide-small" />`}<col class="c-d hide-small" /></colgroup>
<thead><tr><th scope="col">${e("type")}</th>${c&&l`<th scope="col" class="hide-small">${e("trend")}</th>`}
<th scope="col">${e("events")}</th><th scope="col">${e("users")}</th>
${r&&l`<th scope="col" class="hide-small">${e("change")}</th>`}<th scope="col" class="hide-small">${e("lastDay")}</th></tr></thead>
<tbody>${t.types.map(s=>l`<tr key=${s.type}>
<td class="row"><span class="fill" style=${{"--w":s.events/x*100+"%"}}></span>
<a class="cell" href=${f(o,{type:s.type})} title=${e("typeOpen",{name:s.type})}
onClick=${u(()=>a({type:s.type}))}><span class="lbl">${p(s.type)}</span></a></td>
${c&&l`<td class="spark-cell hide-small"><${y} values=${s.series} /></td>`}
<td class="v" title=${n(s.events)}>${i(s.events)}</td><td class="v" title=${n(s.users)}>${i(s.users)}</td>
${r&&l`<td class="v hide-small"><${h} change=${s.change?.events} good=${1} /></td>`}
<td class="s hide-small">${$(s.last_day,s.last_day)}</td></tr>`)}</tbody></table>`}export{W as a,_ as b,b as c,O as d,k as e,A as f,E as g,P as h};
