import{b as C}from"./chunk-CQVKA6D7.js";import{A as S,Ea as c,Fa as M,Ja as D,Ka as I,P as h,Y as g,b as p,ba as w,c as f,ca as x,da as E,ea as _,g as l,k,oa as A,ra as T}from"./chunk-DVZ2JOGS.js";var U=100,F=300,b={visits:["visits","visitors","page_views","bounce_rate","avg_visit_duration_s"],events:["events","visitors"]};function N({tab:e,state:a,choose:r,close:i,type:o}){let[d,u]=p(""),[n,t]=p("");f(()=>{let m=setTimeout(()=>t(d.trim()),F);return()=>clearTimeout(m)},[d]);let s=Q(e.dimension,a,n,o),{rows:$,ranked:P,next:R,error:v,more:j}=q(s),y=c(e.kind==="map"?"countries":e.name);return l`<${C} title=${y} close=${i} tools=${!k&&l`<a class="iconbtn" title=${c("csv")}
aria-label=${c("csv")}
href=${D("reports/breakdown?"+s.replace(`limit=${U}`,"limit=1000")+"&format=csv")} download>
<${_} name="download" /></a>`}>
<div class="dlg-tools"><input class="search" type="search" data-focus placeholder=${c("search")}
aria-label=${c("searchIn",{name:y})} value=${d}
onInput=${m=>u(m.target.value)} /></div>
${v&&l`<div class="card alert" role="alert"><div>${v.message||c("offline")}</div></div>`}
${$&&!$.length&&l`<${x} title=${c("nothing")}>${c("nothingText")}<//>`}
${!$&&!v&&l`<div class="skeleton map-sk"></div>`}
${$&&$.length>0&&l`<${B} dimension=${e.dimension} rows=${$} columns=${O(e,P)}
choose=${m=>{r(e.dimension,m),i()}} />`}
${R&&l`<div class="dlg-foot"><button class="btn" onClick=${j}>${c("showMore")}</button></div>`}
<//>`}function O({measure:e},a){let r=b[a];return r.includes(e)?[e,...r.filter(i=>i!==e)]:r}function Q(e,a,r,i){let o=S(a,r?T(a.filter,A(e,"=~",[r])):a.filter);return o.set("dimension",e),i&&o.set("type",i),o.set("measures",[...new Set([...b.visits,...b.events])].join()),o.set("limit",String(U)),o.toString()}function q(e){let[a,r]=p({rows:null,ranked:"visits",next:null,error:null}),i=async(o,d)=>{try{let u="reports/breakdown?"+e+(o?"&cursor="+encodeURIComponent(o):""),n=await I(u,d),t={ranked:n.ranked_by,next:n.next_cursor,error:null};r(s=>({rows:[...o&&s.rows||[],...n.rows],...t}))}catch(u){let n=u;n.name!=="AbortError"&&r(t=>({...t,error:n.status?n:{message:""}}))}};return f(()=>{let o=new AbortController;return i(null,o.signal),()=>o.abort()},[e]),{...a,more:()=>i(a.next)}}function B({dimension:e,rows:a,columns:r,choose:i}){let o=r[0],d=a.toSorted((t,s)=>(s[o]??0)-(t[o]??0)),u=Math.max(1,...d.map(t=>t[o]??0)),n=t=>t>1?"hide-small":"";return l`<table>
<colgroup><col />${r.map((t,s)=>l`<col key=${t} class=${"c-v "+n(s)} />`)}</colgroup>
<thead><tr><th scope="col">${M(e)}</th>${r.map((t,s)=>l`<th scope="col" key=${t}
class=${n(s)} aria-sort=${s===0?"descending":void 0}>
${c(t==="page_views"||t==="events"&&e==="path"?"views":t)}
</th>`)}</tr></thead>
<tbody>${d.map(t=>l`<tr key=${t.value}>
<td class="row"><${E} part=${(t[o]??0)/u} />
<button class="cell" onClick=${()=>i(t.value)}
title=${c("filterBy",{value:t.value??g(e,null)})}>
<${w} dimension=${e} value=${t.value} /><span
class=${t.value?"lbl":"lbl none"}>${g(e,t.value)}</span></button></td>
${r.map((s,$)=>l`<td key=${s} class=${"v "+n($)}
title=${h[s].long(t[s])}>${h[s].short(t[s])}</td>`)}
</tr>`)}</tbody>
</table>`}export{N as default};
