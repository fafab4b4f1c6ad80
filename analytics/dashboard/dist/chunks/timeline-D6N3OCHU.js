import{a as u}from"./chunk-EX2OLQZH.js";import{e as S,f as O,j as x}from"./chunk-AOHBNNFA.js";import"./chunk-LILOKRKL.js";import{b as k,c as E}from"./chunk-SPHTWQJH.js";import{b as T}from"./chunk-LVLWG5QD.js";import"./chunk-R6ISBZZL.js";import{Ca as w,D as $,E as l,Ea as o,V as c,W as p,X as f,c as v,ca as b,g as n,h,i as y,p as g,s as m,w as _}from"./chunk-DVZ2JOGS.js";var R=new Intl.DateTimeFormat(w,{timeZone:y,dateStyle:"full"});function F({user:e,state:s,go:i,ready:r}){let t=u(O(s,e),"events"),a=t.rows;return v(()=>r(a!==null||t.error!==null),[a!==null||t.error!==null]),n`<${k} error=${t.error} meta=${t.meta} retry=${t.retry} go=${i} />
<${C} user=${e} state=${s} total=${a?t.total:null} />
<section class=${"card panel timeline"+(t.isBusy&&a?" busy":"")} aria-label=${o("timelineTitle")}>
<div class="tabs"><h2 class="tab on">${o("timelineTitle")}</h2></div>
${a?a.length?N(a).map(d=>n`<${U} key=${d.name} day=${d} />`):n`<${I} state=${s} go=${i} />`:!t.error&&n`<div class="skeleton map-sk"></div>`}
${t.next&&n`<div class="panel-foot"><span>${o("shownOf",{n:l(a?.length),all:l(t.total)})}</span>
<button class="more" disabled=${t.isBusy} onClick=${t.more}>${o("showMore")}</button></div>`}
</section>
${t.meta&&n`<${E} meta=${t.meta} took=${t.took} />`}`}function C({user:e,state:s,total:i}){let t=u(S({...s,filter:x(e)},{}),"users").rows?.[0],a=(d,D,P="")=>n`<${T} name=${o(d)} value=${D} title=${P} />`;return n`<section class="card hero" aria-label=${o("factsTitle")}><div class="kpis five alone">
${a("events",l(i))}${a("page_views",l(t?.page_views))}${a("visits",l(t?.visits))}
${a("firstSeen",t?c(t.first_seen_at):$,t&&f(t.first_seen_at))}${a("lastSeen",t?c(t.last_seen_at):$,t&&f(t.last_seen_at))}</div></section>`}function I({state:e,go:s}){let i=m.find(r=>Number(r.query(g()).days)>_(e)[1])??m[m.length-1];return n`<${b} title=${o("noEventsOfUser")}>${o("emptyText")}<div><button class="btn" onClick=${()=>s({period:i.name,unit:""})}>
${o(i.name)}</button></div><//>`}function N(e){let s=[];for(let i of e){let r=R.format(new Date(i.timestamp)),t=s.at(-1);t?.name!==r&&s.push(t={name:r,visits:[]});let a=i.visit_started_at;(!t.visits.length||t.visits.at(-1)?.start!==a)&&t.visits.push({key:i.id,start:a,events:[]}),t.visits.at(-1)?.events.push(i)}return s}var U=({day:e})=>n`<div class="day"><h3>${e.name}</h3>
${e.visits.map(s=>n`<div class="visit" key=${s.key}>
<h4>${s.start?o("visitFrom",{time:p(s.start)}):o("noVisit")}</h4>
<ol>${s.events.map(i=>n`<li key=${i.id}><${j} event=${i} /></li>`)}</ol></div>`)}</div>`;function j({event:e}){let s=e.event_name==="page_view",i=e.id.replace(/^event_/,""),r=`/sites/${encodeURIComponent(h)}/operations?event=${encodeURIComponent(i)}`,t=Object.keys(e.properties??{}).length>0;return n`<details class="event"><summary>
<time class="num" datetime=${e.timestamp}>${p(e.timestamp)}</time>
<span class=${s?"type":"type own"}>${s?o("pageView"):e.event_name}</span><span class="what">${e.path??""}</span></summary>
<dl class="facts"><div><dt>id</dt><dd>${i}</dd></div><div><dt>ts</dt><dd>${e.timestamp}</dd></div>
<div><dt>type</dt><dd>${e.event_name}</dd></div>${e.path&&n`<div><dt>path</dt><dd>${e.path}</dd></div>`}</dl>
${t&&n`<div class="code-head">${o("properties")}</div><pre class="facts-json" tabindex="0">${JSON.stringify(e.properties,null,2)}</pre>`}
<a class="text-btn" href=${r}>${o("traceLink")}</a></details>`}export{F as default};
