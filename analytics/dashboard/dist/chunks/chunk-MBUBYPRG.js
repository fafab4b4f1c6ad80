import{b as M,h as N}from"./chunk-KNET57ZC.js";import{b as x,c as K,d as X,f as Y}from"./chunk-SPHTWQJH.js";import{b as V}from"./chunk-LVLWG5QD.js";import{a as Z,b as ee,d as te,f as se}from"./chunk-MPMQ2PPM.js";import{b as I}from"./chunk-R6ISBZZL.js";import{$ as W,A as F,Da as H,E as g,Ea as e,F as k,Fa as J,Ja as E,Na as S,P as _,Pa as O,S as C,U as T,_ as Q,b as j,c as z,ca as D,ea as w,g as o,q as A,ta as G,z as L}from"./chunk-DVZ2JOGS.js";function oe({points:r,before:s,metric:t,name:p,total:v,unit:f,meta:n,state:l,go:u,csv:y}){let d=O(l.view==="table",()=>import("./points-T25TJLLB.js")),a=e(f+"Unit"),i=e("chartLabel",{measure:p,unit:a,value:_[t].long(v)}),h={points:r,before:s?.series,metric:t,unit:f,label:i,now:Date.parse(n.computed_at)},m=($,b)=>{let c=f==="hour"?b.date:A(b.to.slice(0,10),-1);($.date!==c||r[0].date!==c)&&u({period:"custom",from:$.date,to:c,unit:""})};return o`<div class="plot">
<div class="plot-head">
<span class="legend"><span class="key"></span>${p}, ${C(n.from,n.to)}</span>
${s&&o`<span class="legend"><span class="key before"></span>${C(s.from,s.to)}</span>`}
<span class="grow"></span>
<span class="tools"><${Z} state=${l} go=${u} /><${ee} state=${l} go=${u} />
<a class="iconbtn" href=${y} download title=${e("csv")} aria-label=${e("csv")}><${w} name="download" /></a></span>
</div>
${l.view==="table"&&d?o`<${d.PointTable} ...${h} />`:o`<${te} ...${h} notes=${[]} zoom=${m} />`}
</div>`}var q=({name:r,metric:s,value:t,chosen:p,choose:v,foot:f})=>o`<button class="kpi" aria-pressed=${s===p}
title=${_[s].long(t)} onClick=${()=>v(s)}><span class="kpi-label">${r}</span>
<span class="kpi-value">${_[s].short(t)}</span><span class="kpi-foot">${f}</span></button>`,P=["country","region","city","language","device","browser","os","screen","path","hostname","channel","source","referrer","utm_campaign","utm_source","utm_medium","utm_term","utm_content","subject"];await H(()=>import("./words_event_reports-5CJ26PE4.js"),()=>import("./words_event_reports_de-IQ5NF42S.js"));var R=10,ae=100;function ne({type:r,state:s,params:t,go:p,open:v,ready:f}){let n=B(r,s),l=S("reports/event-types?"+N(n,s)),u=new URLSearchParams(n);u.set("granularity",L(s));let y=S("reports/timeseries?"+N(u,s)),d=t.measure==="users"?"users":"events",a=c=>v({...t,measure:c==="events"?"":c},!0),i=l.data?.types.find(c=>c.type===r),h=l.error??y.error,m=c=>c.map(U=>({...U,users:U.visitors})),{data:$}=y,b=($!==null||y.error!==null)&&(l.data!==null||l.error!==null);return z(()=>f(b),[b]),o`<${x} error=${h} meta=${$?.meta} retry=${()=>{l.retry(),y.retry()}} go=${p} />
<section class=${"card hero"+(y.isBusy&&$?" busy":"")} aria-label=${r}>
<div class="kpis four">
<${q} name=${e("events")} metric="events" value=${l.data?i?.events??0:null} chosen=${d} choose=${a}
foot=${i?.change&&o`<${I} change=${i.change.events} good=${1} /><span>${e("fromValue",{value:k(i.previous?.events)})}</span>`} />
<${q} name=${e("users")} metric="users" value=${l.data?i?.users??0:null} chosen=${d} choose=${a}
foot=${i?.change&&o`<${I} change=${i.change.users} good=${1} /><span>${e("fromValue",{value:k(i.previous?.users)})}</span>`} />
<${V} name=${e("firstDay")} value=${i?T(i.first_day,i.first_day):"–"} foot=${e("inPeriod")} />
<${V} name=${e("lastDay")} value=${i?T(i.last_day,i.last_day):"–"} foot=${e("inPeriod")} />
</div>
${$?l.data&&!i?o`<${D} title=${e("noTypes")}>${e("noTypesText")}<//><${M} type=${r} />`:o`<${oe} points=${m($.series)} before=${$.previous&&{...$.previous,series:m($.previous.series)}} metric=${d}
name=${e(d)} total=${i?.[d]??null} unit=${$.granularity} meta=${$.meta} state=${s} go=${p}
csv=${E("reports/timeseries?"+u+"&format=csv")} />`:o`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`}
</section>
<div class="panels">
<${le} type=${r} state=${s} chosen=${t.prop} open=${c=>v({...t,prop:c},!0)} params=${t} />
${t.prop&&o`<${re} key=${t.prop} type=${r} state=${s} go=${p} dimension=${"payload."+t.prop}
title=${e("valuesOf",{name:W(t.prop)})} />`}
<${re} type=${r} state=${s} go=${p} dimension=${t.by||P[0]} title=${e("by")}
choose=${c=>v({...t,by:c===P[0]?"":c},!0)} />
</div>
${$&&o`<${K} meta=${$.meta} took=${y.took} />`}`}function B(r,s){let t=F(s);return t.set("type",r),t}function le({type:r,state:s,chosen:t,open:p,params:v}){let f=B(r,s);f.set("limit",String(ae));let{data:n,error:l,isBusy:u,retry:y}=S("reports/properties?"+f),d=Math.max(1,...(n?.properties??[]).map(a=>a.events));return o`<section class=${"card panel"+(u&&n?" busy":"")} aria-label=${e("propertiesOf")}>
<div class="tabs"><h2 class="tab on">${e("propertiesOf")}</h2></div>
${l&&o`<${x} error=${l} retry=${y} go=${()=>{}} />`}
${n?n.properties.length?o`<div class="scrolls" tabindex="0" role="group" aria-label=${`${e("propertiesOf")}: ${Q(r)}`}><table>
<colgroup><col /><col class="c-v" /><col class="c-v" /></colgroup>
<thead><tr><th scope="col">${e("property_")}</th><th scope="col">${e("users")}</th><th scope="col">${e("events")}</th></tr></thead>
<tbody>${n.properties.map(a=>o`<tr key=${a.name} class=${a.property===t?"chosen":""}>
<td class="row"><span class="fill" style=${{"--w":a.events/d*100+"%"}}></span>
<a class="cell" aria-current=${a.property===t?"true":void 0} href=${X(s,{...v,type:r,prop:a.property})}
title=${e("valuesOpen",{name:a.name})} onClick=${Y(()=>p(a.property===t?"":a.property))}>
<span class="lbl">${a.name}</span></a></td>
<td class="v" title=${g(a.users)}>${k(a.users)}</td><td class="v" title=${g(a.events)}>${k(a.events)}</td></tr>`)}</tbody></table></div>`:o`<${D} title=${e("noProperties")}>${e("noPropertiesText")}<//><${M} type=${r} />`:!l&&o`<div class="skeleton list-sk"></div>`}
<div class="panel-foot"><span>${n&&n.property_count>n.properties.length?e("propertiesInAll",{n:g(n.property_count)},n.property_count):""}</span></div>
</section>`}function re({type:r,state:s,go:t,dimension:p,title:v,choose:f}){let[n,l]=j(!1),u=B(r,s);u.set("dimension",p),u.set("measures","events,visitors"),u.set("limit",String(R));let{data:y,error:d,isBusy:a,retry:i}=S("reports/breakdown?"+u),h=O(n,()=>import("./details-KUW6LVC5.js")),m=y?.dimension===p?y:null,$=(b,c)=>t({filter:G(s.filter,b,c)});return o`<section class=${"card panel"+(a&&m?" busy":"")} aria-label=${v}>
<div class="tabs"><h2 class="tab on">${v}</h2>${f&&o`<${ie} value=${p} choose=${f} />`}<span class="grow"></span>
<a class="iconbtn" href=${E("reports/breakdown?"+u+"&format=csv").replace(`limit=${R}`,"limit=1000")} download
title=${e("csv")} aria-label=${`${e("csv")}: ${v}`}><${w} name="download" /></a></div>
${d&&o`<${x} error=${d} retry=${i} go=${t} />`}
<div class="list">${m?o`<${se} list=${m} measure="events" total=${m.total} most=${R} filter=${s.filter} choose=${$} />`:!d&&o`<div class="skeleton list-sk"></div>`}</div>
<div class="panel-foot"><span>${m&&m.value_count>R?e("inAll",{n:g(m.value_count)},m.value_count):""}</span>
${m&&m.rows.length>0&&o`<button class="more" onClick=${()=>l(!0)}><${w} name="expand" size="13" />${e("details")}</button>`}</div>
${n&&h&&o`<${h.default} tab=${{name:p,dimension:p,measure:"events"}} type=${r} state=${s}
choose=${$} close=${()=>l(!1)} />`}
</section>`}var ie=({value:r,choose:s})=>o`<select class="on" aria-label=${e("chooseDimension")} value=${r}
onChange=${t=>s(t.target.value)}>
${P.map(t=>o`<option key=${t} value=${t}>${J(t)}</option>`)}</select>`;export{oe as a,q as b,P as c,ne as d,ie as e};
