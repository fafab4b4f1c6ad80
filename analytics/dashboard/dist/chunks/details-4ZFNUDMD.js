import{Aa as A,B as S,Ba as T,C as x,Ca as C,Ja as M,Pa as n,Qa as D,U as f,b as m,c as v,ea as h,g as r,ga as w,k as y,sa as E,v as k,va as _}from"./chunk-U5DHTGOJ.js";var I=100,j=300,g={visits:["visits","visitors","page_views","bounce_rate","avg_visit_duration_s"],events:["events","visitors"]};function F({tab:e,state:i,choose:l,close:a}){let[s,d]=m(""),[$,t]=m("");v(()=>{let u=setTimeout(()=>t(s.trim()),j);return()=>clearTimeout(u)},[s]);let o=N(e.dimension,i,$),{rows:c,ranked:U,next:P,error:p,more:R}=Q(o),b=n(e.kind==="map"?"countries":e.name);return r`<${M} title=${b} close=${a} tools=${!y&&r`<a class="iconbtn" title=${n("csv")}
    aria-label=${n("csv")}
      href=${S("reports/breakdown?"+o.replace(`limit=${I}`,"limit=1000")+"&format=csv")} download>
        <${w} name="download" /></a>`}>
    <div class="dlg-tools"><input class="search" type="search" data-focus placeholder=${n("search")}
      aria-label=${n("searchIn",{name:b})} value=${s}
      onInput=${u=>d(u.target.value)} /></div>
    ${p&&r`<div class="card alert" role="alert"><div>${p.message||n("offline")}</div></div>`}
    ${c&&!c.length&&r`<${T} title=${n("nothing")}>${n("nothingText")}<//>`}
    ${!c&&!p&&r`<div class="skeleton map-sk"></div>`}
    ${c&&c.length>0&&r`<${q} dimension=${e.dimension} rows=${c} columns=${g[U]}
      choose=${u=>{l(e.dimension,u),a()}} />`}
    ${P&&r`<div class="dlg-foot"><button class="btn" onClick=${R}>${n("showMore")}</button></div>`}
  <//>`}function N(e,i,l){let a=k(i,l?_(i.filter,E(e,"=~",[l])):i.filter);return a.set("dimension",e),a.set("measures",[...new Set([...g.visits,...g.events])].join()),a.set("limit",String(I)),a.toString()}function Q(e){let[i,l]=m({rows:null,ranked:"visits",next:null,error:null}),a=async(s,d)=>{try{let $="reports/breakdown?"+e+(s?"&cursor="+encodeURIComponent(s):""),t=await x($,d),o={ranked:t.ranked_by,next:t.next_cursor,error:null};l(c=>({rows:[...s&&c.rows||[],...t.rows],...o}))}catch($){let t=$;t.name!=="AbortError"&&l(o=>({...o,error:t.status?t:{message:""}}))}};return v(()=>{let s=new AbortController;return a(null,s.signal),()=>s.abort()},[e]),{...i,more:()=>a(i.next)}}function q({dimension:e,rows:i,columns:l,choose:a}){let s=l[0],d=Math.max(1,...i.map(t=>t[s]??0)),$=t=>t>1?"hide-small":"";return r`<table>
    <colgroup><col />${l.map((t,o)=>r`<col key=${t} class=${"c-v "+$(o)} />`)}</colgroup>
    <thead><tr><th scope="col">${D(e)}</th>${l.map((t,o)=>r`<th scope="col" key=${t}
      class=${$(o)}>
      ${n(t==="page_views"||t==="events"&&e==="path"?"views":t)}
        </th>`)}</tr></thead>
    <tbody>${i.map(t=>r`<tr key=${t.value}>
      <td class="row"><${C} part=${(t[s]??0)/d} />
        <button class="cell" onClick=${()=>a(t.value)}
          title=${n("filterBy",{value:t.value??h(e,null)})}>
          <${A} dimension=${e} value=${t.value} /><span
            class=${t.value?"lbl":"lbl none"}>${h(e,t.value)}</span></button></td>
      ${l.map((o,c)=>r`<td key=${o} class=${"v "+$(c)}
        title=${f[o].long(t[o])}>${f[o].short(t[o])}</td>`)}
    </tr>`)}</tbody>
  </table>`}export{F as default};
