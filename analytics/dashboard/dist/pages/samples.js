import{b as tt,c as I}from"../chunks/chunk-EYHYDCTI.js";import"../chunks/chunk-F55LMHVL.js";import{a as Z,b as g}from"../chunks/chunk-UO3QC5Z5.js";import{b as Y}from"../chunks/chunk-QORAWW77.js";import"../chunks/chunk-5QQWLRGC.js";import"../chunks/chunk-6M7UO4EF.js";import{A as h,B as T,C as G,Ea as st,F as z,Fa as n,L as X,M as q,Pa as R,Y as x,b as D,c as k,g as e,h as w,ha as C,ia as J,ka as K,la as Q,ra as v,s as S,w as W,y as b,z as u}from"../chunks/chunk-UMTCUHV3.js";var at={name:"",tags:"",by:"",show:"percentiles"},it=50,A="../../metrics";function d(s){let[,a]=S(s);return a<=2||s.unit==="hour"&&a<=31?"hour":"day"}function f(s,a,o){let r=new URLSearchParams({site:w,...S(s)[0],granularity:d(s),list_tags:"true",limit:String(it)});for(let{field:l,values:i}of C(s.tags))l&&i&&r.set(`tag.${l}`,i[0]);return o&&r.set("group_by",o),R(a&&`${A}/${encodeURIComponent(a)}?${r}`)}function E({series:s,meta:a}){let o=Date.parse(a.computed_at),r=s.filter(l=>Date.parse(l.start)<o);return{series:r,isOpen:r.length>0&&Date.parse(r[r.length-1].end)>o}}var L=(s,a,o)=>X(s,d(a)==="hour"&&o>48?"day":d(a)),U=(s,a)=>q(s,d(a));function F(s,a,o){let r=C(s.tags).filter(l=>l.field!==a).map(l=>l.text).join(";");return Q(r,J(a,"==",[o]))}function N({state:s,go:a}){let o=C(s.tags);return o.length?e`<div class="chips" role="group" aria-label=${n("filters")}>${o.map(({text:r,field:l,values:i},c)=>e`<span
    class="chip" key=${r}><button disabled><span class="lbl">${l} <b>${i?.[0]}</b></span></button>
    <button aria-label=${n("removeFilter",{name:`${l} ${i?.[0]}`})}
      onClick=${()=>a({tags:K(s.tags,c)})}><${x} name="x" size="13" /></button></span>`)}
    <button class="text-btn" onClick=${()=>a({tags:""})}>${n("clearFilters")}</button></div>`:null}function O({state:s,go:a}){let o=S(s)[1];return o<=2||o>31?null:e`<span class="seg" role="group" aria-label=${n("interval")}>${["hour","day"].map(r=>e`<button
    key=${r} aria-pressed=${d(s)===r} onClick=${()=>a({unit:r==="hour"?r:""})}>
      ${n(r+"Unit")}</button>`)}</span>`}var ct=new Intl.NumberFormat(st,{minimumFractionDigits:1,maximumFractionDigits:1}),et=s=>s===null?b:s<1e3?`${Math.round(s)} ms`:`${ct.format(s/1e3)} s`,M=[{name:"lcp",good:2500,poor:4e3,format:et},{name:"inp",good:200,poor:500,format:et},{name:"cls",good:.1,poor:.25,format:z}],y="web_vital.",V="path",$t=20,ot=({good:s,poor:a},o)=>o<=s?"good":o<=a?"needsWork":"poor";function nt({state:s,go:a,onReady:o}){let r=[f(s,y+"lcp",V),f(s,y+"inp",V),f(s,y+"cls",V)],l=r.find(t=>t.error),i=r.some(t=>t.isBusy),c=r.every(t=>t.data!==null&&!t.isBusy);k(()=>o(c),[c]);let p=r.every(t=>t.data?.count===0);return e`<div class="vitals-head"><${N} state=${s} go=${a} /><${O} state=${s} go=${a} /></div>
    <${g} error=${l?.error??null} retry=${()=>r.forEach(t=>t.error&&t.retry())} go=${a} />
    ${p&&e`<div class="card"><${v} title=${n("noSamplesHere")}>${n("emptyText")}<//></div>`}
    ${!p&&e`<div class="vitals">${M.map((t,$)=>e`<${pt} key=${t.name} vital=${t}
      data=${r[$].data} isBusy=${r[$].isBusy} state=${s} />`)}</div>
    <${dt} reports=${r.map(t=>t.data)} isBusy=${i} state=${s} go=${a} />`}`}function pt({vital:s,data:a,isBusy:o,state:r}){let{name:l,good:i,poor:c,format:p}=s,t=a?.p75??null;return e`<section class=${"card vital"+(o&&a?" busy":"")} aria-label=${n(l)}>
    <h2 class="kpi-label"><b>${l.toUpperCase()}</b> ${n(l)}</h2>
    ${a?e`<div class="vital-value"><span class="kpi-value"
        title=${u(t)}>${p(t)}</span>${t!==null&&e`<${rt} rating=${ot(s,t)} />`}</div>
      <${mt} vital=${s} value=${t} />
      <p class="vital-text">${n(`${l}Text`)}. ${n("vitalLimits",{good:p(i),poor:p(c)})}.</p>
      <${ut} vital=${s} data=${a} state=${r} />
      <p class="vital-text num">${n("vitalFoot",{n:u(a.count)},a.count)}</p>`:e`<div class="skeleton vital-sk"></div>`}
  </section>`}var rt=({rating:s,isShort:a})=>e`<span class=${"rated "+s}><span class="sign" aria-hidden="true"></span>
  <span class=${a?"vh":""}>${n(s)}</span></span>`;function mt({vital:{good:s,poor:a},value:o}){let r=o===null?0:o<=s?o/s/3:o<=a?.3333333333333333+(o-s)/(a-s)/3:Math.min(.99,1-a/o/3);return e`<div class="scale" aria-hidden="true"><i class="good"></i><i class="needsWork"></i><i class="poor"></i>
    ${o!==null&&e`<b style=${{"--x":r*100+"%"}}></b>`}</div>`}function ut({vital:s,data:a,state:o}){let{series:r,isOpen:l}=E(a);if(!a.count)return e`<div class="vital-none">${n("noSamplesHere")}</div>`;let i=c=>({title:U(r[c].start,o),rows:[{kind:"line-first",name:"p75",value:s.format(r[c].p75)},{kind:"",name:n("loads"),value:u(r[c].count)}]});return e`<${I} lines=${[{kind:"first",values:r.map(c=>c.p75)}]} kind="views_per_visit" height=${150}
    label=${n("vitalLabel",{name:n(s.name),unit:n(d(o)+"Unit")})}
    format=${s.format} read=${i} isOpen=${l}
    name=${c=>L(r[c].start,o,r.length)} />`}function dt({reports:s,isBusy:a,state:o,go:r}){if(s.some(t=>t===null))return null;let l=s.map(t=>new Map(t?.groups?.map($=>[$.value,$]))),i=t=>Math.max(...l.map($=>$.get(t)?.count??0)),c=[...new Set(l.flatMap(t=>[...t.keys()]))].toSorted((t,$)=>i($)-i(t)).slice(0,$t),p=Math.max(1,...c.map(i));return e`<section class=${"card panel vital-paths"+(a?" busy":"")} aria-label=${n("pages")}>
    <div class="tabs"><h2 class="tab on">${n("pages")}</h2></div>
    <table><colgroup><col /><col class="c-v hide-small" />${M.map(({name:t})=>e`<col key=${t} class="c-v" />`)}</colgroup>
      <thead><tr><th scope="col">${n("path")}</th><th scope="col" class="hide-small">${n("loads")}</th>
        ${M.map(({name:t})=>e`<th scope="col" key=${t}><abbr title=${n(t)}>${t.toUpperCase()}</abbr></th>`)}</tr></thead>
      <tbody>${c.map(t=>e`<tr key=${t}>
        <td class="row"><span class="fill" style=${{"--w":i(t)/p*100+"%"}}></span>
          ${t===null?e`<span class="cell"><span class="lbl none">${n("tagNone")}</span></span>`:e`<button
            class="cell" title=${n("onlyTag",{value:t})} onClick=${()=>r({tags:F(o,V,t)})}>
            <span class="lbl">${t||n("noValue")}</span></button>`}</td>
        <td class="v hide-small" title=${u(i(t))}>${h(i(t))}</td>
        ${M.map(($,m)=>e`<${ft} key=${$.name} vital=${$}
          value=${l[m].get(t)?.p75??null} />`)}</tr>`)}</tbody></table>
    <div class="panel-foot"><span>${n("vitalsFoot")}</span></div>
  </section>`}var ft=({vital:s,value:a})=>e`<td class="v">${a===null?b:e`<${rt}
  rating=${ot(s,a)} isShort=${!0} />${s.format(a)}`}</td>`,lt=()=>e`<${x} name="pulse" size="14" />`;var j="web-vitals",bt=["count","sum","average","p50","p75","p90","p95","p99"],B={percentiles:["p50","p75","p95","p99"],mean:["average"],count:["count"],sum:["sum"]},H=["first","second","third","fourth"];function ht({pages:s}){let[a,o]=W(at),[r,l]=D(!1),i=R(`${A}?site=${encodeURIComponent(w)}`),c=i.data?.metrics??null,p=c?.some(m=>m.startsWith(y))??!1,t=a.name||(p?j:c?.[0]??""),$=c?.length===0;return e`<${Z} pages=${s} name="samples" title=${n("samples")} intro=${n("samplesIntro")}
    isReady=${r||$} state=${a} go=${o} tools=${["period"]}>
    <${g} error=${i.error} retry=${i.retry} />
    ${$?e`<div class="card"><${v} title=${n("noSamples")}>${n("noSamplesText")}<//></div>`:e`<div
      class="samples">
      <${vt} names=${c} hasVitals=${p} name=${t} go=${o} />
      <div class="sample-main">${t===j?e`<${nt} state=${a} go=${o} onReady=${l} />`:e`<${gt} key=${t} state=${a} go=${o} name=${t} onReady=${l} />`}</div>
    </div>`}
  <//>`}function vt({names:s,hasVitals:a,name:o,go:r}){let[l,i]=D(""),c=s?.filter(t=>t.toLowerCase().includes(l.trim().toLowerCase())),p=(t,$)=>e`<li key=${t}><button class="metric" aria-current=${t===o?"true":void 0}
    title=${t} onClick=${()=>r({name:t,tags:"",by:""})}>${$}</button></li>`;return e`<section class="card panel metrics" aria-label=${n("metrics")}>
    <div class="tabs"><h2 class="tab on">${n("metrics")}</h2></div>
    <input class="search" type="search" placeholder=${n("search")} aria-label=${n("searchMetric")} value=${l}
      onInput=${t=>i(t.target.value)} />
    ${!c&&e`<div class="skeleton map-sk"></div>`}
    <ul>${a&&!l&&p(j,e`<${lt} />${n("webVitals")}`)}
      ${c?.map(t=>p(t,t))}</ul>
    ${c?.length===0&&e`<div class="path-note">${n("noMetric")}</div>`}
  </section>`}function gt({state:s,go:a,name:o,onReady:r}){let{data:l,isBusy:i,error:c,retry:p}=f(s,o,s.by),t=m=>m==="count"?h(l?.count):T(l?.[m]),$=l!==null&&!i;return k(()=>r($),[$]),e`<${N} state=${s} go=${a} />
    <${g} error=${c} retry=${p} go=${a} />
    <section class=${"card hero"+(i&&l?" busy":"")} aria-label=${o}>
      <div class="kpis four">${bt.map(m=>e`<${Y} key=${m} name=${_(m)}
        value=${l?t(m):b} title=${u(l?.[m])} />`)}</div>
      ${l?l.count?e`<${yt} data=${l} state=${s} go=${a} />`:e`<${v} title=${n("noSamplesHere")}>${n("emptyText")}<//>`:e`<div class="skeleton columns-sk"></div>`}
    </section>
    ${l&&l.count>0&&e`<${kt} data=${l} isBusy=${i} state=${s} go=${a} />`}
    ${l&&e`<footer class="fresh"><span>${n("percentileError",{error:G(l.percentile_error)})}</span>
      ${l.meta.unknown_tags>0&&e`<span class="stale">${n("unknownTags",{n:u(l.meta.unknown_tags)},l.meta.unknown_tags)}</span>`}</footer>`}`}var _=s=>s[0]==="p"?s:n(s==="average"?"mean":s);function yt({data:s,state:a,go:o}){let{series:r,isOpen:l}=E(s),i=B[a.show]?a.show:"percentiles",c=B[i],p=t=>({title:U(r[t].start,a),rows:[...c.map(($,m)=>({kind:"line-"+H[m],name:_($),value:u(r[t][$])})),...i==="count"?[]:[{kind:"",name:n("count"),value:u(r[t].count)}]]});return e`<div class="plot"><div class="plot-head">
      ${c.map((t,$)=>e`<${tt} key=${t} kind=${"line-"+H[$]} name=${_(t)} />`)}
      <span class="grow"></span><span class="tools"><span class="seg" role="group" aria-label=${n("shown")}>
        ${Object.keys(B).map(t=>e`<button key=${t} aria-pressed=${t===i}
          onClick=${()=>o({show:t},!0)}>${n(t)}</button>`)}</span>
        <${O} state=${a} go=${o} /></span></div>
    <${I} lines=${c.map((t,$)=>({kind:H[$],values:r.map(m=>m[t])}))}
      kind="views_per_visit" format=${T} read=${p} isOpen=${l}
      label=${n("seriesLabel",{name:s.metric_name,unit:n(d(a)+"Unit")})}
      name=${t=>L(r[t].start,a,r.length)} /></div>`}var P=["count","sum","average","p50","p75","p95","p99"];function kt({data:s,isBusy:a,state:o,go:r}){let l=s.tags??[],i=o.by?s.groups:void 0,c=Math.max(1,...(i??[]).map(t=>t.count)),p=t=>["count","p75"].includes(t)?"":"hide-small";return e`<section class=${"card panel sample-groups"+(a?" busy":"")} aria-label=${n("byTag")}>
    <div class="plot-head tools-row"><h2 class="tab on">${n("byTag")}</h2>
      ${l.length>0&&e`<span class="seg" role="group" aria-label=${n("byTag")}>${l.map(t=>e`<button
        key=${t} aria-pressed=${t===o.by} onClick=${()=>r({by:t===o.by?"":t})}>${t}</button>`)}</span>`}
      ${!l.length&&e`<span>${n("noTags")}</span>`}</div>
    ${i&&e`<table><colgroup><col />${P.map(t=>e`<col key=${t} class=${"c-v "+p(t)} />`)}</colgroup>
      <thead><tr><th scope="col">${o.by}</th>${P.map(t=>e`<th scope="col" key=${t} class=${p(t)}>
        ${_(t)}</th>`)}</tr></thead>
      <tbody>${i.map(t=>e`<tr key=${t.value}>
        <td class="row"><span class="fill" style=${{"--w":t.count/c*100+"%"}}></span>
          ${t.value===null?e`<span class="cell"><span class="lbl none">${n("tagNone")}</span></span>`:e`<button
            class="cell" title=${n("onlyTag",{value:t.value})}
            onClick=${()=>r({tags:F(o,o.by,t.value??"")})}><span class="lbl">
            ${t.value||n("noValue")}</span></button>`}</td>
        ${P.map($=>e`<td key=${$} class=${"v "+p($)} title=${u(t[$])}>
          ${$==="count"?h(t.count):T(t[$])}</td>`)}</tr>`)}</tbody></table>`}
  </section>`}export{ht as default};
