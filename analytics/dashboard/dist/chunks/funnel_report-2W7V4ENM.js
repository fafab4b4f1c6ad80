import{a as z}from"./chunk-D7HXRDSU.js";import{a as W}from"./chunk-AOHBNNFA.js";import{a as j}from"./chunk-LA5LCYZS.js";import"./chunk-LILOKRKL.js";import{b as B,c as N,d as P,f as A}from"./chunk-SPHTWQJH.js";import{a as V}from"./chunk-M56EGHPT.js";import{b as I}from"./chunk-LVLWG5QD.js";import{b as w}from"./chunk-R6ISBZZL.js";import{A as y,D,E as m,Ea as o,Fa as k,I as v,K as _,N as h,Na as O,R as g,Y as E,b as S,c as f,ca as b,ea as R,fa as F,g as n,n as C,ya as M}from"./chunk-DVZ2JOGS.js";var T=["country","region","city","language","device","browser","os","screen","path","hostname","channel","source","referrer","utm_campaign","utm_source","utm_medium","utm_term","utm_content"],G=10,Y=1e3,Z=20;function q(t,i,e){let a=y(i);return i.compare!=="none"&&a.set("compare",i.compare),a.set("breakdown",H(e)),a.set("limit",String(e.all?Y:G)),`../v1/funnels/${t.id}/analytics/detailed?${a}`}var H=t=>T.includes(t.by)?t.by:T[0];function gt({funnel:t,funnels:i,state:e,params:a,go:s,open:r,ready:c}){let l=O(q(t,e,a)),d=l.data?.funnel_id===t.id?l.data:null,u=d!==null&&!l.isBusy||l.error!==null;f(()=>c(u),[u]);let p=l.isBusy&&d!==null?" busy":"",L=C("export")?(Q,U)=>P(e,{funnel:t.id,step:String(Q),reached:U?"dropped":"true"},W):void 0;return n`<${B} error=${l.error} meta=${d?.meta} retry=${l.retry} go=${s} />
<section class=${"card hero"+p} aria-label=${t.name}>
<${K} data=${d} hasValue=${t.value!==null} />
${d?d.total_starts||d.previous?.total_starts?n`<${z} rows=${d.step_analytics}
before=${d.previous?.step_analytics} definition=${t} who=${L} />`:n`<${b} title=${o("noStarts")}>${o("noStartsText")}<//>`:n`<div class="skeleton funnel-sk"></div>`}
<p class="counted-as">${o(t.ordering==="strict"?"strictText":"orderedText")} ${o("windowText",{time:J(t.window_s)})}</p>
</section>
${d&&d.total_starts>0&&n`<div class="panels">
<${X} data=${d} busy=${p} />
<${tt} data=${d} busy=${p} params=${a} open=${r} />
<${et} data=${d} busy=${p} />
<${st} funnel=${t} funnels=${i} state=${e} params=${a} open=${r} />
</div>`}
${d&&n`<${N} meta=${d.meta} took=${l.took} />`}`}var J=t=>t%86400?h(t):o("daysCount",{n:t/86400},t/86400);function K({data:t,hasValue:i}){let e=(a,s,r,c=1)=>n`<${I} name=${o(s)} value=${t?r(t[a]):D}
foot=${t?.previous?.[a]!=null&&n`<${w} change=${t.change?.[a]} good=${c} /><span>${o("fromValue",{value:r(t.previous[a])})}</span>`} />`;return n`<div class=${"kpis "+(i?"five":"four")}>
${e("conversion_rate","conversionRate",v)}${e("total_starts","started",m)}
${e("total_conversions","converted",m)}${e("avg_time_to_convert","timeToConvert",h,-1)}
${i&&e("total_value","totalValue",_)}</div>`}function X({data:t,busy:i}){let e=t.daily_performance,a=Date.parse(t.meta.to)>Date.parse(t.meta.computed_at),s=r=>g(e[r].date+"T12:00:00Z","day");return n`<section class=${"card panel"+i} aria-label=${o("byDay")}>
<div class="tabs"><h2 class="tab on">${o("byDay")}</h2></div>
<div class="plot"><${V} values=${e.map(r=>r.conversions)} isOpen=${a} height=${180}
label=${o("byDayLabel")} marks=${[s(0),e.length>2?s(e.length>>1):"",e.length>1?s(e.length-1):""]}
describe=${r=>o("dayText",{day:s(r),n:m(e[r].conversions),all:m(e[r].total_starts),rate:v(e[r].conversion_rate)})} /></div>
<div class="panel-foot"><span>${o("byDayText")}</span></div>
</section>`}function tt({data:t,busy:i,params:e,open:a}){let s=H(e),r=t.breakdown?.dimension===s?t.breakdown:null,c=r?.rows??[];return n`<section class=${"card panel"+i} aria-label=${o("breakdownTitle")}>
<div class="tabs"><h2 class="tab on">${o("breakdownTitle")}</h2><select class="on" aria-label=${o("breakdownTitle")} value=${s}
onChange=${l=>a({...e,by:l.target.value,all:""},!0)}>
${T.map(l=>n`<option key=${l} value=${l}>${k(l)}</option>`)}</select></div>
<div class="list">${r?n`<${x} name=${k(s)} rows=${c.map(l=>({key:l.value??"",text:E(s,l.value),starts:l.total_starts,conversions:l.total_conversions,rate:l.conversion_rate}))} />`:n`<div class="skeleton map-sk"></div>`}</div>
<div class="panel-foot"><span>${o("breakdownText")}</span>
${c.length===G&&!e.all&&n`<button class="more" onClick=${()=>a({...e,all:"1"},!0)}>${o("showMore")}</button>`}</div>
</section>`}function x({name:t,rows:i,extra:e}){let a=Math.max(1e-9,...i.map(s=>s.rate??0));return n`<table class="rates">
<colgroup><col /><col class="c-v" /><col class="c-v" />${e&&n`<col class="c-v hide-small" />`}<col class="c-s" /></colgroup>
<thead><tr><th scope="col">${t}</th><th scope="col">${o("started")}</th><th scope="col">${o("converted")}</th>
${e&&n`<th scope="col" class="hide-small">${o(e==="time"?"timeShort":"score")}</th>`}<th scope="col">${o("rate")}</th></tr></thead>
<tbody>${i.map(s=>n`<tr key=${s.key}>
<td class="row"><span class="fill" style=${{"--w":(s.rate??0)/a*100+"%"}}></span>
${s.href?n`<a class="cell" href=${s.href} onClick=${s.open&&A(s.open)}><span class="lbl">${s.text}</span></a>`:n`<span class="cell" title=${s.text}><span class="lbl">${s.text}</span></span>`}</td>
<td class="n">${m(s.starts)}</td><td class="n">${m(s.conversions)}</td>
${e&&n`<td class="n hide-small">${e==="time"?h(s.time):_(s.score)}</td>`}
<td class="v">${v(s.rate)}</td></tr>`)}</tbody>
</table>`}function et({data:t,busy:i}){let e=t.cohort_data.filter(a=>a.cohort_size>0).reverse();return n`<section class=${"card panel"+i} aria-label=${o("cohortsTitle")}>
<div class="tabs"><h2 class="tab on">${o("cohortsTitle")}</h2></div>
<div class="list scrolls" tabindex="0" role="group" aria-label=${o("cohortsTitle")}><${x} name=${o("cohortDay")} extra="time"
rows=${e.map(a=>({key:a.cohort_date,text:g(a.cohort_date+"T12:00:00Z","day"),starts:a.cohort_size,conversions:a.conversions,rate:a.conversion_rate,time:a.avg_time_to_convert}))} /></div>
<div class="panel-foot"><span>${o("cohortsText")}</span></div>
</section>`}function st({funnel:t,funnels:i,state:e,params:a,open:s}){let r=i.filter($=>$.id!==t.id),c=a.with.split(",").filter($=>r.some(p=>p.id===$)).slice(0,Z-1),{rows:l,error:d}=ot(c.length?[t.id,...c]:[],y(e).toString()),u=$=>s({...a,with:(c.includes($)?c.filter(p=>p!==$):[...c,$]).join()},!0);return n`<section class="card panel" aria-label=${o("comparisonTitle")}>
<div class="tabs compare-tabs"><h2 class="tab on">${o("comparisonTitle")}</h2><span class="grow"></span></div>
<div class="list">${d?n`<${b} title=${o("problem")}>${d.message}<//>`:c.length?l?n`<${x} name=${o("funnelWord")} extra="score" rows=${l.map($=>({key:$.funnel_id,text:$.funnel_name,starts:$.total_starts,conversions:$.total_conversions,rate:$.conversion_rate,score:$.performance_score}))} />`:n`<div class="skeleton map-sk"></div>`:n`<${b} title=${o("comparisonEmpty")}>${o(r.length?"comparisonEmptyText":"comparisonNone")}<//>`}</div>
<div class="panel-foot"><span>${c.length>0&&o("scoreText")}</span></div>
${r.length>0&&n`<div class="compare-pick"><${F} label=${o("chooseFunnels")} title=${o("comparisonTitle")} button="btn small">
<div role="menu" aria-label=${o("comparisonTitle")}>${r.map($=>n`<button key=${$.id} class="item" role="menuitemcheckbox"
aria-checked=${c.includes($.id)} disabled=${!c.includes($.id)&&c.length>=Z-1}
onClick=${()=>u($.id)}><${R} name=${c.includes($.id)?"check":"plus"} /><span class="lbl">${$.name}</span></button>`)}</div>
<//></div>`}
</section>`}function ot(t,i){let[e,a]=S({key:"",rows:null,error:null}),s=`${t} ${i}`;return f(()=>{if(!t.length)return;let r=!0;return j(t,i).then(c=>r&&a({key:s,rows:c,error:null}),c=>r&&a({key:s,rows:null,error:M(c)})),()=>{r=!1}},[s]),e.key===s?e:{rows:null,error:null}}export{gt as FunnelReport};
