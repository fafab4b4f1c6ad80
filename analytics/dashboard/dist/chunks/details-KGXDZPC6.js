import{c as _,f as E}from"./chunk-NQ2OXTKE.js";import{$ as x,D as S,E as w,R as f,Z as h,b as m,ba as T,c as v,ca as A,h as r,ja as C,ma as i,na as g,y as k}from"./chunk-JKRTTABF.js";var M=100,P=300,b={visits:["visitors","visits","page_views","bounce_rate","avg_visit_duration_s"],events:["visitors","events"]};function j({tab:e,state:n,choose:l,close:a}){let[o,d]=m(""),[$,t]=m("");v(()=>{let u=setTimeout(()=>t(o.trim()),P);return()=>clearTimeout(u)},[o]);let s=N(e.dimension,n,$),{rows:c,ranked:I,next:U,error:p,more:D}=Q(s),y=g(e.dimension);return r`<${C} title=${y} close=${a} tools=${r`<a class="iconbtn" title=${i("csv")}
    aria-label=${i("csv")}
      href=${S("reports/breakdown?"+s.replace(`limit=${M}`,"limit=1000")+"&format=csv")} download>
        <${x} name="download" /></a>`}>
    <div class="dlg-tools"><input class="search" type="search" data-focus placeholder=${i("search")}
      aria-label=${i("searchIn",{name:y})} value=${o}
      onInput=${u=>d(u.target.value)} /></div>
    ${p&&r`<div class="card alert" role="alert"><div>${p.message||i("offline")}</div></div>`}
    ${c&&!c.length&&r`<${A} title=${i("nothing")}>${i("nothingText")}<//>`}
    ${!c&&!p&&r`<div class="skeleton map-sk"></div>`}
    ${c&&c.length>0&&r`<${R} dimension=${e.dimension} rows=${c} columns=${b[I]}
      choose=${u=>{l(e.dimension,u),a()}} />`}
    ${U&&r`<div class="dlg-foot"><button class="btn" onClick=${D}>${i("showMore")}</button></div>`}
  <//>`}function N(e,n,l){let a=k(n,l?E(n.filter,_(e,"=~",[l])):n.filter);return a.set("dimension",e),a.set("measures",[...new Set([...b.visits,...b.events])].join()),a.set("limit",String(M)),a.toString()}function Q(e){let[n,l]=m({rows:null,ranked:"visits",next:null,error:null}),a=async(o,d)=>{try{let $="reports/breakdown?"+e+(o?"&cursor="+encodeURIComponent(o):""),t=await w($,d),s={ranked:t.ranked_by,next:t.next_cursor,error:null};l(c=>({rows:[...o&&c.rows||[],...t.rows],...s}))}catch($){let t=$;t.name!=="AbortError"&&l(s=>({...s,error:t.status?t:{message:""}}))}};return v(()=>{let o=new AbortController;return a(null,o.signal),()=>o.abort()},[e]),{...n,more:()=>a(n.next)}}function R({dimension:e,rows:n,columns:l,choose:a}){let o=l[1],d=Math.max(1,...n.map(t=>t[o]??0)),$=t=>t>1?"hide-small":"";return r`<table>
    <colgroup><col />${l.map((t,s)=>r`<col key=${t} class=${"c-v "+$(s)} />`)}</colgroup>
    <thead><tr><th scope="col">${g(e)}</th>${l.map((t,s)=>r`<th scope="col" key=${t}
      class=${$(s)}>
      ${i(t==="page_views"||t==="events"&&e==="path"?"views":t)}
        </th>`)}</tr></thead>
    <tbody>${n.map(t=>r`<tr key=${t.value}>
      <td class="row"><span class="fill" style=${{"--w":(t[o]??0)/d*100+"%"}}></span>
        <button class="cell" onClick=${()=>a(t.value)}
          title=${i("filterBy",{value:t.value??h(e,null)})}>
          <${T} dimension=${e} value=${t.value} /><span
            class=${t.value?"lbl":"lbl none"}>${h(e,t.value)}</span></button></td>
      ${l.map((s,c)=>r`<td key=${s} class=${"v "+$(c)}
        title=${f[s].long(t[s])}>${f[s].short(t[s])}</td>`)}
    </tr>`)}</tbody>
  </table>`}export{j as default};
