import{b as C}from"./chunk-VGCHZCYT.js";import{A as S,Ea as a,Fa as M,Ja as D,Ka as I,P as h,Y as g,b as p,ba as x,c as f,ca as w,da as E,ea as _,g as r,k,oa as A,ra as T}from"./chunk-NUTBCF7K.js";var U=100,F=300,b={visits:["visits","visitors","page_views","bounce_rate","avg_visit_duration_s"],events:["events","visitors"]};function N({tab:e,state:n,choose:l,close:i,type:o}){let[$,c]=p(""),[t,s]=p("");f(()=>{let m=setTimeout(()=>s($.trim()),F);return()=>clearTimeout(m)},[$]);let d=Q(e.dimension,n,t,o),{rows:u,ranked:P,next:R,error:v,more:j}=q(d),y=a(e.kind==="map"?"countries":e.name);return r`<${C} title=${y} close=${i} tools=${!k&&r`<a class="iconbtn" title=${a("csv")}
aria-label=${a("csv")}
href=${D("reports/breakdown?"+d.replace(`limit=${U}`,"limit=1000")+"&format=csv")} download>
<${_} name="download" /></a>`}>
<div class="dlg-tools"><input class="search" type="search" data-focus placeholder=${a("search")}
aria-label=${a("searchIn",{name:y})} value=${$}
onInput=${m=>c(m.target.value)} /></div>
${v&&r`<div class="card alert" role="alert"><div>${v.message||a("offline")}</div></div>`}
${u&&!u.length&&r`<${w} title=${a("nothing")}>${a("nothingText")}<//>`}
${!u&&!v&&r`<div class="skeleton map-sk"></div>`}
${u&&u.length>0&&r`<${B} dimension=${e.dimension} rows=${u} columns=${b[P]}
choose=${m=>{l(e.dimension,m),i()}} />`}
${R&&r`<div class="dlg-foot"><button class="btn" onClick=${j}>${a("showMore")}</button></div>`}
<//>`}function Q(e,n,l,i){let o=S(n,l?T(n.filter,A(e,"=~",[l])):n.filter);return o.set("dimension",e),i&&o.set("type",i),o.set("measures",[...new Set([...b.visits,...b.events])].join()),o.set("limit",String(U)),o.toString()}function q(e){let[n,l]=p({rows:null,ranked:"visits",next:null,error:null}),i=async(o,$)=>{try{let c="reports/breakdown?"+e+(o?"&cursor="+encodeURIComponent(o):""),t=await I(c,$),s={ranked:t.ranked_by,next:t.next_cursor,error:null};l(d=>({rows:[...o&&d.rows||[],...t.rows],...s}))}catch(c){let t=c;t.name!=="AbortError"&&l(s=>({...s,error:t.status?t:{message:""}}))}};return f(()=>{let o=new AbortController;return i(null,o.signal),()=>o.abort()},[e]),{...n,more:()=>i(n.next)}}function B({dimension:e,rows:n,columns:l,choose:i}){let o=l[0],$=Math.max(1,...n.map(t=>t[o]??0)),c=t=>t>1?"hide-small":"";return r`<table>
<colgroup><col />${l.map((t,s)=>r`<col key=${t} class=${"c-v "+c(s)} />`)}</colgroup>
<thead><tr><th scope="col">${M(e)}</th>${l.map((t,s)=>r`<th scope="col" key=${t}
class=${c(s)}>
${a(t==="page_views"||t==="events"&&e==="path"?"views":t)}
</th>`)}</tr></thead>
<tbody>${n.map(t=>r`<tr key=${t.value}>
<td class="row"><${E} part=${(t[o]??0)/$} />
<button class="cell" onClick=${()=>i(t.value)}
title=${a("filterBy",{value:t.value??g(e,null)})}>
<${x} dimension=${e} value=${t.value} /><span
class=${t.value?"lbl":"lbl none"}>${g(e,t.value)}</span></button></td>
${l.map((s,d)=>r`<td key=${s} class=${"v "+c(d)}
title=${h[s].long(t[s])}>${h[s].short(t[s])}</td>`)}
</tr>`)}</tbody>
</table>`}export{N as default};
