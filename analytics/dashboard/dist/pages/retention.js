import{a as Z,b as U,c as J}from"../chunks/chunk-HF3NT5ME.js";import{a as Q,b as P}from"../chunks/chunk-SPHTWQJH.js";import"../chunks/chunk-R6ISBZZL.js";import{A as _,B as N,Ca as Y,D as j,Da as G,E as k,Ea as i,F as T,H as F,J as S,Ja as W,Ka as K,Na as M,b as x,c as L,ca as C,d as I,ea as H,g as c,h as O,n as q,s as z,w as R}from"../chunks/chunk-DVZ2JOGS.js";var V=[{weekday:"short",month:"short",day:"numeric"},{month:"short",day:"numeric"},{month:"short",day:"numeric",year:"numeric"},{month:"long",year:"numeric"},{month:"short",year:"numeric"}].map(e=>new Intl.DateTimeFormat(Y,{...e,timeZone:"UTC"}));function w(e,t){let[n,r,s,a]=V,o=Date.parse(e);if(t==="month")return a.format(o);let l=e.slice(0,4)===String(new Date().getFullYear());return t==="day"?(l?n:s).format(o):(l?r:s).formatRange(o,o+6*864e5)}var A=(e,t)=>V[t==="month"?4:1].format(Date.parse(e));var X=6;function tt({data:e,isNumbers:t,open:n}){let{unit:r,cohorts:s}=e,[a,o]=x([1,0]),[l,$]=nt(a,s),[m,d]=x(!1),f=I(),u=e.average_rates.length,h=i(r+"Unit"),v=p=>{let b=lt(p,l,$,s);b&&(p.preventDefault(),o(b),f.current.querySelector(`[data-at="${b.join()}"]`)?.focus())},y=p=>{p.target.dataset.at&&(o(p.target.dataset.at.split(",").map(Number)),d(!0))},g={columns:u,isNumbers:t,data:e,open:n,at:[l,$],max:ct(e)};return c`<div class="cohorts">
<table ref=${f} role="grid" aria-label=${i("gridLabel",{unit:h})} onKeyDown=${v}
onFocusIn=${y} style=${{"--n":u}}>
<thead><tr><th scope="col">${i("cohort")}</th><th scope="col">${i("people")}</th>
${Array.from({length:u-1},(p,b)=>c`<th scope="col" key=${b}>${et(r,b+1)}
</th>`)}</tr></thead>
<tbody>
<${$t} ...${g} />
${s.map((p,b)=>c`<${ut} key=${p.start} cohort=${p} number=${b}
...${g} />`)}
</tbody>
</table>
</div>
<div class="panel-foot"><span class="num" role="status">${m?D(e,l,$):""}</span>
<span class="hide-small">${i(n?"gridHintOpen":"gridHint")}</span></div>`}var et=(e,t)=>i("offset_"+e,{n:t}),ct=({cohorts:e})=>Math.max(1e-9,...e.flatMap(t=>t.rates.slice(1).map(n=>n??0)));function nt([e,t],n){let r=Math.max(0,Math.min(n.length,e)),s=(r?n[r-1].retained.length:n.length)-1;return[r,Math.max(r||!s?0:1,Math.min(s,t))]}function lt({key:e,ctrlKey:t,metaKey:n},r,s,a){let o=t||n,l={ArrowRight:[r,s+1],ArrowLeft:[r,s-1],ArrowDown:[r+1,s],ArrowUp:[r-1,s],Home:[o?0:r,0],End:[o?a.length:r,1/0]}[e];return l&&nt(l,a)}function $t({columns:e,data:t,at:n,max:r}){let s=a=>n[0]===0&&n[1]===a?0:-1;return c`<tr class="average"><th scope="row" title=${i("averageTitle")}>${i("average")}</th>
<td></td>
${t.average_rates.slice(1,e).map((a,o)=>c`<td key=${o}
class=${a===null?"":"c"+rt(a,r)}><span class="cohort-cell" data-at=${`0,${o+1}`}
tabindex=${s(o+1)} title=${D(t,0,o+1)}>${a===null?"":S(a)}</span></td>`)}
</tr>`}function ut({columns:e,cohort:t,number:n,data:r,isNumbers:s,open:a,at:o,max:l}){let $=r.units_over-n,m=t.retained.map((f,u)=>{let h=o[0]===n+1&&o[1]===u,v=u===0?T(t.size):s?T(f):S(t.rates[u]),y={class:"cohort-cell","data-at":`${n+1},${u}`,tabindex:h?0:-1,title:D(r,n+1,u)},g=u&&t.size?"c"+rt(t.rates[u]??0,l):"",p=t.size?v:u?"":"0";return c`<td key=${u} class=${g+(u>=$?" hatched":"")}>
${a&&f?c`<a ...${y} href=${a(t.start,u)}>${p}</a>`:c`<span ...${y}>${p}</span>`}</td>`}),d=e-t.retained.length;return c`<tr><th scope="row">${w(t.start,r.unit)}</th>${m}
${d>0&&c`<td class="rest" colspan=${d}></td>`}</tr>`}var rt=(e,t)=>e?Math.min(X,1+Math.floor(e/t*(X-.001))):0;function D({unit:e,cohorts:t,average_rates:n,units_over:r},s,a){let o=et(e,a);if(!s)return n[a]==null?"":i("averageText",{offset:o,rate:S(n[a])});let{start:l,size:$,retained:m,rates:d}=t[s-1],f={cohort:w(l,e),offset:o,n:k(a?m[a]:$),size:k($),rate:S(d[a])},u=i(a?"cellText":"cohortText",f,$);return s-1+a<r?u:`${u} (${i("notOver")})`}function ot({columns:e,label:t,format:n,name:r,read:s}){let a=Math.max(1,...e.map($=>$.parts.reduce((m,[,d])=>m+d,0))),o=-Math.max(0,...e.map($=>$.below[1])),l=({x:$,y:m,band:d})=>{let f=Math.max(2,Math.min(40,d*.72)),u=(h,v,y,g)=>y!==g&&c`<rect class=${"part-"+h} x=${$(v)-f/2}
width=${f} y=${m(g)} height=${Math.max(1,m(y)-m(g))} />`;return e.map((h,v)=>{let y=0;return c`<g key=${v} class=${h.isOpen?"open":""}>
${h.parts.map(([g,p])=>u(g,v,y,y+=p))}
${u(h.below[0],v,-h.below[1],0)}</g>`})};return c`<${Z} count=${e.length} low=${o} high=${a} kind="visitors" label=${t} format=${n}
name=${r} read=${s} draw=${l} />`}await G(()=>import("../chunks/words_retention-WJWBUFSM.js"),()=>import("../chunks/words_retention_de-SQ7OVMKW.js"));var pt={period:"91d",type:"",numbers:""},mt=["day","week","month"],dt=100;function ft({pages:e}){let[t,n]=N(pt),r=at(t),s=B(t,r),a=ht(t),o=M(a),l=o.data!==null&&!o.isBusy;return c`<${Q} pages=${e} name="retention" title=${i("retention")} intro=${i("retentionIntro")}
isReady=${l} state=${t} go=${n} tools=${["filter","period"]}>
<${P} error=${o.error} retry=${o.retry} go=${n} />
<section class=${"card panel"+(o.isBusy&&o.data?" busy":"")} aria-label=${i("retention")}>
<div class="plot-head tools-row">
<${yt} unit=${r} state=${t} go=${n} /><${gt} state=${t} go=${n} />
<${vt} state=${t} go=${n} /><span class="grow"></span>
<a class="iconbtn" href=${W(a+"&format=csv")} download title=${i("csv")}
aria-label=${i("csv")}><${H} name="download" /></a>
</div>
<${bt} data=${o.data} state=${t} go=${n} isFailed=${o.error!==null} />
</section>
<div class="panels">
<${xt} query=${s.toString()} state=${t} go=${n} />
<${St} query=${B(t).toString()} state=${t} go=${n} />
</div>
<//>`}function ht(e){let t=B(e,at(e));return e.filter&&t.set("filter",e.filter),"reports/retention?"+t}var st=e=>mt.filter(t=>({day:e<=45,week:e>13,month:e>59})[t]);function at(e){let[,t]=R(e);return st(t).includes(e.unit)?e.unit:t<=13?"day":t<=200?"week":"month"}function B(e,t){let n=_(e,"");return t&&n.set("unit",t),e.type&&n.set("type",e.type),n}function yt({unit:e,state:t,go:n}){let r=st(R(t)[1]);return r.length<2?null:c`<span class="seg" role="group" aria-label=${i("interval")}>${r.map(s=>c`<button key=${s}
aria-pressed=${s===e} onClick=${()=>n({unit:s})}>${i(s+"Unit")}</button>`)}</span>`}var gt=({state:e,go:t})=>c`<span class="seg" role="group" aria-label=${i("showAs")}>
<button aria-pressed=${!e.numbers} onClick=${()=>t({numbers:""},!0)}>${i("percentages")}</button>
<button aria-pressed=${!!e.numbers} onClick=${()=>t({numbers:"1"},!0)}>${i("numbers")}</button></span>`;function vt({state:e,go:t}){let[n,r]=x([]),s=_(e,"")+`&dimension=type&limit=${dt}`;L(()=>{let o=new AbortController,l=$=>r($.rows.flatMap(m=>m.value??[]));return K("reports/breakdown?"+s,o.signal).then(l,()=>{}),()=>o.abort()},[s]);let a=e.type&&!n.includes(e.type)?[e.type,...n]:n;return c`<select class="choice" aria-label=${i("eventType")} value=${e.type}
onChange=${o=>t({type:o.target.value})}>
<option value="">${i("anyEvent")}</option>
${a.map(o=>c`<option key=${o} value=${o} selected=${o===e.type}>${o}</option>`)}</select>`}function bt({data:e,state:t,go:n,isFailed:r}){if(!e)return c`<div class=${(r?"":"skeleton ")+"cohorts-sk"}></div>`;if(!e.cohorts.some(a=>a.size))return c`<${wt} state=${t} go=${n} />`;let s=(a,o)=>{let l=new URLSearchParams({cohort:a,unit:e.unit,offset:String(o)});return t.type&&l.set("type",t.type),t.filter&&l.set("filter",t.filter),`/sites/${encodeURIComponent(O)}/users?${l}`};return c`<${tt} data=${kt(e)} isNumbers=${!!t.numbers} open=${q("export")?s:void 0} />`}function kt(e){let t=e.cohorts.findIndex(r=>r.size),n=e.cohorts.slice(t);return{...e,cohorts:n,average_rates:e.average_rates.slice(0,n.length),units_over:e.units_over-t}}function wt({state:e,go:t}){let n=i("noCohorts");if(e.filter)return c`<${C} title=${n}><button class="btn" onClick=${()=>t({filter:""})}>
${i("clearFilters")}</button><//>`;let r=z.find(s=>s.name===(R(e)[1]<91?"91d":"year"));return c`<${C} title=${n}>${i("emptyText")}${r&&r.name!==e.period&&c`<div><button
class="btn" onClick=${()=>t({period:r.name,unit:""})}>${i(r.name)}</button></div>`}<//>`}var E=["returning","resurrected","new"];function xt({query:e,state:t,go:n}){let{data:r,isBusy:s,error:a,retry:o}=M("reports/lifecycle?"+e);return c`<${it} title=${i("lifecycle")} text=${i("lifecycleText")} isBusy=${s&&r!==null}
isFiltered=${!!t.filter}
legend=${[...E.toReversed(),"dormant"].map(l=>c`<${U} key=${l} kind=${"part-"+l}
name=${i(l)} />`)}>
<${P} error=${a} retry=${o} go=${n} />
${r?c`<${Tt} data=${r} />`:!a&&c`<div class="skeleton plot-sk"></div>`}
<//>`}function Tt({data:e}){let{series:t,granularity:n}=e;if(!t.some(o=>o.active||o.dormant))return c`<${C} title=${i("nothing")}>${i("nothingText")}<//>`;let r=o=>o===t.length-1&&!e.last_is_over,s=t.map((o,l)=>({isOpen:r(l),below:["dormant",o.dormant],parts:E.map($=>[$,o[$]])}));return c`<${ot} columns=${s} format=${T} read=${o=>({title:w(t[o].date,n)+(r(o)?` (${i("soFar")})`:""),rows:["active",...E.toReversed(),"dormant"].map(l=>({kind:"part-"+l,name:i(l),value:k(t[o][l])}))})}
label=${i("lifecycleLabel",{unit:i(n+"Unit")})}
name=${o=>A(t[o].date,n)} />`}function St({query:e,state:t,go:n}){let{data:r,isBusy:s,error:a,retry:o}=M("reports/stickiness?"+e);return c`<${it} title=${i("stickiness")} text=${i("stickinessText")} isBusy=${s&&r!==null}
isFiltered=${!!t.filter} legend=${c`<${U} kind="line-first" name=${i("stickiness")} />`}>
<${P} error=${a} retry=${o} go=${n} />
${r?c`<${Ct} data=${r} />`:!a&&c`<div class="skeleton plot-sk"></div>`}
<//>`}function Ct({data:e}){let{series:t}=e;if(!t.some(r=>r.mau))return c`<${C} title=${i("nothing")}>${i("nothingText")}<//>`;let n=r=>{let s=t[r],a=(o,l,$)=>({kind:o,name:i(l),value:$});return{title:w(s.date,"day"),rows:[a("line-first","stickiness",s.stickiness===null?j:F(s.stickiness)),a("","dau",k(s.dau)),a("","wau",k(s.wau)),a("","mau",k(s.mau))]}};return c`<${J} lines=${[{kind:"first",values:t.map(r=>r.stickiness)}]} kind="bounce_rate"
label=${i("stickinessLabel")} format=${F} read=${n} isOpen=${Date.parse(e.meta.to)>Date.now()}
name=${r=>A(t[r].date,"day")} />`}var it=({title:e,text:t,isBusy:n,isFiltered:r,legend:s,children:a})=>c`<section
class=${"card panel"+(n?" busy":"")} aria-label=${e}>
<div class="tabs"><h2 class="tab on">${e}</h2></div>
<div class="plot">${s&&c`<div class="plot-head">${s}</div>`}${a}</div>
<div class="panel-foot"><span>${t}${r?" "+i("unfiltered"):""}</span></div>
</section>`;export{pt as DEFAULTS,ft as default,ht as gridPath};
