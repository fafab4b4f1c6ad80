import{Fa as c,Ga as M,K as h,La as D,Ma as I,W as g,Y as w,b as p,c as f,g as l,ia as x,k,la as E,qa as _,ra as A,sa as T,v as S,za as C}from"./chunk-UMTCUHV3.js";var U=100,F=300,b={visits:["visits","visitors","page_views","bounce_rate","avg_visit_duration_s"],events:["events","visitors"]};function N({tab:e,state:a,choose:r,close:i,type:o}){let[d,u]=p(""),[n,t]=p("");f(()=>{let m=setTimeout(()=>t(d.trim()),F);return()=>clearTimeout(m)},[d]);let s=Q(e.dimension,a,n,o),{rows:$,ranked:P,next:R,error:v,more:j}=q(s),y=c(e.kind==="map"?"countries":e.name);return l`<${C} title=${y} close=${i} tools=${!k&&l`<a class="iconbtn" title=${c("csv")}
    aria-label=${c("csv")}
      href=${D("reports/breakdown?"+s.replace(`limit=${U}`,"limit=1000")+"&format=csv")} download>
        <${w} name="download" /></a>`}>
    <div class="dlg-tools"><input class="search" type="search" data-focus placeholder=${c("search")}
      aria-label=${c("searchIn",{name:y})} value=${d}
      onInput=${m=>u(m.target.value)} /></div>
    ${v&&l`<div class="card alert" role="alert"><div>${v.message||c("offline")}</div></div>`}
    ${$&&!$.length&&l`<${A} title=${c("nothing")}>${c("nothingText")}<//>`}
    ${!$&&!v&&l`<div class="skeleton map-sk"></div>`}
    ${$&&$.length>0&&l`<${B} dimension=${e.dimension} rows=${$} columns=${O(e,P)}
      choose=${m=>{r(e.dimension,m),i()}} />`}
    ${R&&l`<div class="dlg-foot"><button class="btn" onClick=${j}>${c("showMore")}</button></div>`}
  <//>`}function O({measure:e},a){let r=b[a];return r.includes(e)?[e,...r.filter(i=>i!==e)]:r}function Q(e,a,r,i){let o=S(a,r?E(a.filter,x(e,"=~",[r])):a.filter);return o.set("dimension",e),i&&o.set("type",i),o.set("measures",[...new Set([...b.visits,...b.events])].join()),o.set("limit",String(U)),o.toString()}function q(e){let[a,r]=p({rows:null,ranked:"visits",next:null,error:null}),i=async(o,d)=>{try{let u="reports/breakdown?"+e+(o?"&cursor="+encodeURIComponent(o):""),n=await I(u,d),t={ranked:n.ranked_by,next:n.next_cursor,error:null};r(s=>({rows:[...o&&s.rows||[],...n.rows],...t}))}catch(u){let n=u;n.name!=="AbortError"&&r(t=>({...t,error:n.status?n:{message:""}}))}};return f(()=>{let o=new AbortController;return i(null,o.signal),()=>o.abort()},[e]),{...a,more:()=>i(a.next)}}function B({dimension:e,rows:a,columns:r,choose:i}){let o=r[0],d=a.toSorted((t,s)=>(s[o]??0)-(t[o]??0)),u=Math.max(1,...d.map(t=>t[o]??0)),n=t=>t>1?"hide-small":"";return l`<table>
    <colgroup><col />${r.map((t,s)=>l`<col key=${t} class=${"c-v "+n(s)} />`)}</colgroup>
    <thead><tr><th scope="col">${M(e)}</th>${r.map((t,s)=>l`<th scope="col" key=${t}
      class=${n(s)} aria-sort=${s===0?"descending":void 0}>
      ${c(t==="page_views"||t==="events"&&e==="path"?"views":t)}
        </th>`)}</tr></thead>
    <tbody>${d.map(t=>l`<tr key=${t.value}>
      <td class="row"><${T} part=${(t[o]??0)/u} />
        <button class="cell" onClick=${()=>i(t.value)}
          title=${c("filterBy",{value:t.value??g(e,null)})}>
          <${_} dimension=${e} value=${t.value} /><span
            class=${t.value?"lbl":"lbl none"}>${g(e,t.value)}</span></button></td>
      ${r.map((s,$)=>l`<td key=${s} class=${"v "+n($)}
        title=${h[s].long(t[s])}>${h[s].short(t[s])}</td>`)}
    </tr>`)}</tbody>
  </table>`}export{N as default};
