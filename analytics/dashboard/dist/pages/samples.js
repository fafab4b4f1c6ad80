import{a as D,b as F,c as x,d as H,e as P,f as W,g as j,h as B,i as z,j as G,k as X}from"../chunks/chunk-BTL7FUL4.js";import{b as A,c as U}from"../chunks/chunk-HF3NT5ME.js";import{a as O,b as f}from"../chunks/chunk-SPHTWQJH.js";import{b as V}from"../chunks/chunk-LVLWG5QD.js";import"../chunks/chunk-R6ISBZZL.js";import{B as I,D as R,Da as N,E as u,Ea as e,F as h,G as d,H as E,Na as M,Pa as _,b as y,c as T,ca as g,ea as L,g as t,h as C}from"../chunks/chunk-DVZ2JOGS.js";await N(()=>import("../chunks/words_samples-SYIRN22Q.js"),()=>import("../chunks/words_samples_de-3XPJMX7N.js"));var v="web-vitals",J=["count","sum","average","p50","p75","p90","p95","p99"],k={percentiles:["p50","p75","p95","p99"],mean:["average"],count:["count"],sum:["sum"]},w=["first","second","third","fourth"];function K({pages:n}){let[o,r]=I(D),[$,a]=y(!1),i=M(`${x}?site=${encodeURIComponent(C)}`),c=i.data?.metrics??null,m=c?.some(q=>q.startsWith(F))??!1,s=o.name||(m?v:c?.[0]??""),l=_(s===v,()=>import("../chunks/vitals-PEUYREAB.js")),p=c?.length===0;return t`<${O} pages=${n} name="samples" title=${e("samples")} intro=${e("samplesIntro")}
isReady=${$||p} state=${o} go=${r} tools=${["period"]}>
<${f} error=${i.error} retry=${i.retry} />
${p?t`<div class="card"><${g} title=${e("noSamples")}>${e("noSamplesText")}<//></div>`:t`<div
class="samples">
<${Q} names=${c} hasVitals=${m} name=${s} go=${r} />
<div class="sample-main">${s===v?l&&t`<${l.Vitals} state=${o} go=${r} onReady=${a} />`:t`<${Y} key=${s} state=${o} go=${r} name=${s} onReady=${a} />`}</div>
</div>`}
<//>`}function Q({names:n,hasVitals:o,name:r,go:$}){let[a,i]=y(""),c=n?.filter(s=>s.toLowerCase().includes(a.trim().toLowerCase())),m=(s,l)=>t`<li key=${s}><button class="metric" aria-current=${s===r?"true":void 0}
title=${s} onClick=${()=>$({name:s,tags:"",by:""})}>${l}</button></li>`;return t`<section class="card panel metrics" aria-label=${e("metrics")}>
<div class="tabs"><h2 class="tab on">${e("metrics")}</h2></div>
<input class="search" type="search" placeholder=${e("search")} aria-label=${e("searchMetric")} value=${a}
onInput=${s=>i(s.target.value)} />
${!c&&t`<div class="skeleton map-sk"></div>`}
<ul>${o&&!a&&m(v,t`<${L} name="pulse" size="14" />${e("webVitals")}`)}
${c?.map(s=>m(s,s))}</ul>
${c?.length===0&&t`<div class="path-note">${e("noMetric")}</div>`}
</section>`}function Y({state:n,go:o,name:r,onReady:$}){let{data:a,isBusy:i,error:c,retry:m}=P(n,r,n.by),s=p=>p==="count"?h(a?.count):d(a?.[p]),l=a!==null&&!i;return T(()=>$(l),[l]),t`<${G} state=${n} go=${o} />
<${f} error=${c} retry=${m} go=${o} />
<section class=${"card hero"+(i&&a?" busy":"")} aria-label=${r}>
<div class="kpis four">${J.map(p=>t`<${V} key=${p} name=${b(p)}
value=${a?s(p):R} title=${u(a?.[p])} />`)}</div>
${a?a.count?t`<${Z} data=${a} state=${n} go=${o} />`:t`<${g} title=${e("noSamplesHere")}>${e("emptyText")}<//>`:t`<div class="skeleton columns-sk"></div>`}
</section>
${a&&a.count>0&&t`<${ss} data=${a} isBusy=${i} state=${n} go=${o} />`}
${a&&t`<footer class="fresh"><span>${e("percentileError",{error:E(a.percentile_error)})}</span>
${a.meta.unknown_tags>0&&t`<span class="stale">${e("unknownTags",{n:u(a.meta.unknown_tags)},a.meta.unknown_tags)}</span>`}</footer>`}`}var b=n=>n[0]==="p"?n:e(n==="average"?"mean":n);function Z({data:n,state:o,go:r}){let{series:$,isOpen:a}=W(n),i=k[o.show]?o.show:"percentiles",c=k[i],m=s=>({title:B($[s].start,o),rows:[...c.map((l,p)=>({kind:"line-"+w[p],name:b(l),value:u($[s][l])})),...i==="count"?[]:[{kind:"",name:e("count"),value:u($[s].count)}]]});return t`<div class="plot"><div class="plot-head">
${c.map((s,l)=>t`<${A} key=${s} kind=${"line-"+w[l]} name=${b(s)} />`)}
<span class="grow"></span><span class="tools"><span class="seg" role="group" aria-label=${e("shown")}>
${Object.keys(k).map(s=>t`<button key=${s} aria-pressed=${s===i}
onClick=${()=>r({show:s},!0)}>${e(s)}</button>`)}</span>
<${X} state=${o} go=${r} /></span></div>
<${U} lines=${c.map((s,l)=>({kind:w[l],values:$.map(p=>p[s])}))}
kind="views_per_visit" format=${d} read=${m} isOpen=${a}
label=${e("seriesLabel",{name:n.metric_name,unit:e(H(o)+"Unit")})}
name=${s=>j($[s].start,o,$.length)} /></div>`}var S=["count","sum","average","p50","p75","p95","p99"];function ss({data:n,isBusy:o,state:r,go:$}){let a=n.tags??[],i=r.by?n.groups:void 0,c=Math.max(1,...(i??[]).map(s=>s.count)),m=s=>["count","p75"].includes(s)?"":"hide-small";return t`<section class=${"card panel sample-groups"+(o?" busy":"")} aria-label=${e("byTag")}>
<div class="plot-head tools-row"><h2 class="tab on">${e("byTag")}</h2>
${a.length>0&&t`<span class="seg" role="group" aria-label=${e("byTag")}>${a.map(s=>t`<button
key=${s} aria-pressed=${s===r.by} onClick=${()=>$({by:s===r.by?"":s})}>${s}</button>`)}</span>`}
${!a.length&&t`<span>${e("noTags")}</span>`}</div>
${i&&t`<table><colgroup><col />${S.map(s=>t`<col key=${s} class=${"c-v "+m(s)} />`)}</colgroup>
<thead><tr><th scope="col">${r.by}</th>${S.map(s=>t`<th scope="col" key=${s} class=${m(s)}>
${b(s)}</th>`)}</tr></thead>
<tbody>${i.map(s=>t`<tr key=${s.value}>
<td class="row"><span class="fill" style=${{"--w":s.count/c*100+"%"}}></span>
${s.value===null?t`<span class="cell"><span class="lbl none">${e("tagNone")}</span></span>`:t`<button
class="cell" title=${e("onlyTag",{value:s.value})}
onClick=${()=>$({tags:z(r,r.by,s.value??"")})}><span class="lbl">
${s.value||e("noValue")}</span></button>`}</td>
${S.map(l=>t`<td key=${l} class=${"v "+m(l)} title=${u(s[l])}>
${l==="count"?h(s.count):d(s[l])}</td>`)}</tr>`)}</tbody></table>`}
</section>`}export{K as default};
