import{a as w,b as se}from"../chunks/chunk-ZORWHNC5.js";import{a as T,b as te,c as x}from"../chunks/chunk-WYBQLX5B.js";import{a as ae}from"../chunks/chunk-WZHEXZXT.js";import{m as ee}from"../chunks/chunk-T5IHVVUU.js";import{b as J}from"../chunks/chunk-ASJEXJ6B.js";import{a as X}from"../chunks/chunk-2VKU25I5.js";import"../chunks/chunk-GE4RWNXN.js";import{b as q}from"../chunks/chunk-2FR2QI36.js";import{a as oe,b as O,c as ne}from"../chunks/chunk-APUXVEP6.js";import"../chunks/chunk-UFY4CCF3.js";import"../chunks/chunk-G6Z5WK7A.js";import{Aa as _,B as Q,D as R,F as B,G as U,H as Z,I as G,J as v,La as E,O as I,Oa as o,Pa as N,R as M,V as j,b as y,c as S,da as Y,fa as g,g as r,h as H,ja as K,m as A,v as F}from"../chunks/chunk-5WGAML6X.js";var W=["country","region","city","language","device","browser","os","screen","path","hostname","channel","source","referrer","utm_campaign","utm_source","utm_medium","utm_term","utm_content"],le=10,ve=1e3,re=20;function he(t,n,e){let a=F(n);return n.compare!=="none"&&a.set("compare",n.compare),a.set("breakdown",ie(e)),a.set("limit",String(e.all?ve:le)),`../v1/funnels/${t.id}/analytics/detailed?${a}`}var ie=t=>W.includes(t.by)?t.by:W[0];function ce({funnel:t,funnels:n,state:e,params:a,go:s,open:l,ready:d}){let i=B(he(t,e,a)),u=i.data?.funnel_id===t.id?i.data:null,$=u!==null&&!i.isBusy||i.error!==null;S(()=>d($),[$]);let p=i.isBusy&&u!==null?" busy":"",b=A("export")?(f,h)=>T(e,{funnel:t.id,step:String(f),reached:h?"dropped":"true"},ae):void 0;return r`<${O} error=${i.error} meta=${u?.meta} retry=${i.retry} go=${s} />
    <section class=${"card hero"+p} aria-label=${t.name}>
      <${ye} data=${u} hasValue=${t.value!==null} />
      ${u?u.total_starts||u.previous?.total_starts?r`<${se} rows=${u.step_analytics}
        before=${u.previous?.step_analytics} definition=${t} who=${b} />`:r`<${_} title=${o("noStarts")}>${o("noStartsText")}<//>`:r`<div class="skeleton funnel-sk"></div>`}
      <p class="counted-as">${o(t.ordering==="strict"?"strictText":"orderedText")} ${o("windowText",{time:be(t.window_s)})}</p>
    </section>
    ${u&&u.total_starts>0&&r`<div class="panels">
      <${ge} data=${u} busy=${p} />
      <${ke} data=${u} busy=${p} params=${a} open=${l} />
      <${_e} data=${u} busy=${p} />
      <${Te} funnel=${t} funnels=${n} state=${e} params=${a} open=${l} />
    </div>`}
    ${u&&r`<${ne} meta=${u.meta} took=${i.took} />`}`}var be=t=>t%86400?M(t):o("daysCount",{n:t/86400},t/86400),de=(t,n)=>Q(`../v1/funnels/${t.id}/analytics/detailed?${F(n)}&format=csv`);function ye({data:t,hasValue:n}){let e=(a,s,l,d=1)=>r`<${q} name=${o(s)} value=${t?l(t[a]):G}
    foot=${t?.previous?.[a]!=null&&r`<${J} change=${t.change?.[a]} good=${d} /><span>${o("fromValue",{value:l(t.previous[a])})}</span>`} />`;return r`<div class=${"kpis "+(n?"five":"four")}>
    ${e("conversion_rate","conversionRate",w)}${e("total_starts","started",v)}
    ${e("total_conversions","converted",v)}${e("avg_time_to_convert","timeToConvert",M,-1)}
    ${n&&e("total_value","totalValue",I)}</div>`}function ge({data:t,busy:n}){let e=t.daily_performance,a=Date.parse(t.meta.to)>Date.parse(t.meta.computed_at),s=l=>j(e[l].date+"T12:00:00Z","day");return r`<section class=${"card panel"+n} aria-label=${o("byDay")}>
    <div class="tabs"><h2 class="tab on">${o("byDay")}</h2></div>
    <div class="plot"><${X} values=${e.map(l=>l.conversions)} isOpen=${a} height=${180}
      label=${o("byDayLabel")} marks=${[s(0),e.length>2?s(e.length>>1):"",e.length>1?s(e.length-1):""]}
      describe=${l=>o("dayText",{day:s(l),n:v(e[l].conversions),all:v(e[l].total_starts),rate:w(e[l].conversion_rate)})} /></div>
    <div class="panel-foot"><span>${o("byDayText")}</span></div>
  </section>`}function ke({data:t,busy:n,params:e,open:a}){let s=ie(e),l=t.breakdown?.dimension===s?t.breakdown:null,d=l?.rows??[];return r`<section class=${"card panel"+n} aria-label=${o("breakdownTitle")}>
    <div class="tabs"><h2 class="tab on">${o("breakdownTitle")}</h2><select class="on" aria-label=${o("breakdownTitle")} value=${s}
      onChange=${i=>a({...e,by:i.target.value,all:""},!0)}>
      ${W.map(i=>r`<option key=${i} value=${i}>${N(i)}</option>`)}</select></div>
    <div class="list">${l?r`<${L} name=${N(s)} rows=${d.map(i=>({key:i.value??"",text:Y(s,i.value),starts:i.total_starts,conversions:i.total_conversions,rate:i.conversion_rate}))} />`:r`<div class="skeleton map-sk"></div>`}</div>
    <div class="panel-foot"><span>${o("breakdownText")}</span>
      ${d.length===le&&!e.all&&r`<button class="more" onClick=${()=>a({...e,all:"1"},!0)}>${o("showMore")}</button>`}</div>
  </section>`}function L({name:t,rows:n,extra:e}){let a=Math.max(1e-9,...n.map(s=>s.rate??0));return r`<table class="rates">
    <colgroup><col /><col class="c-v" /><col class="c-v" />${e&&r`<col class="c-v hide-small" />`}<col class="c-s" /></colgroup>
    <thead><tr><th scope="col">${t}</th><th scope="col">${o("started")}</th><th scope="col">${o("converted")}</th>
      ${e&&r`<th scope="col" class="hide-small">${o(e==="time"?"timeShort":"score")}</th>`}<th scope="col">${o("rate")}</th></tr></thead>
    <tbody>${n.map(s=>r`<tr key=${s.key}>
      <td class="row"><span class="fill" style=${{"--w":(s.rate??0)/a*100+"%"}}></span>
        ${s.href?r`<a class="cell" href=${s.href} onClick=${s.open&&x(s.open)}><span class="lbl">${s.text}</span></a>`:r`<span class="cell" title=${s.text}><span class="lbl">${s.text}</span></span>`}</td>
      <td class="n">${v(s.starts)}</td><td class="n">${v(s.conversions)}</td>
      ${e&&r`<td class="n hide-small">${e==="time"?M(s.time):I(s.score)}</td>`}
      <td class="v">${w(s.rate)}</td></tr>`)}</tbody>
  </table>`}function _e({data:t,busy:n}){let e=t.cohort_data.filter(a=>a.cohort_size>0).reverse();return r`<section class=${"card panel"+n} aria-label=${o("cohortsTitle")}>
    <div class="tabs"><h2 class="tab on">${o("cohortsTitle")}</h2></div>
    <div class="list scrolls" tabindex="0" role="group" aria-label=${o("cohortsTitle")}><${L} name=${o("cohortDay")} extra="time"
      rows=${e.map(a=>({key:a.cohort_date,text:j(a.cohort_date+"T12:00:00Z","day"),starts:a.cohort_size,conversions:a.conversions,rate:a.conversion_rate,time:a.avg_time_to_convert}))} /></div>
    <div class="panel-foot"><span>${o("cohortsText")}</span></div>
  </section>`}function Te({funnel:t,funnels:n,state:e,params:a,open:s}){let l=n.filter(c=>c.id!==t.id),d=a.with.split(",").filter(c=>l.some(p=>p.id===c)).slice(0,re-1),{rows:i,error:u}=xe(d.length?[t.id,...d]:[],F(e).toString()),$=c=>s({...a,with:(d.includes(c)?d.filter(p=>p!==c):[...d,c]).join()},!0);return r`<section class="card panel" aria-label=${o("comparisonTitle")}>
    <div class="tabs compare-tabs"><h2 class="tab on">${o("comparisonTitle")}</h2><span class="grow"></span></div>
    <div class="list">${u?r`<${_} title=${o("problem")}>${u.message}<//>`:d.length?i?r`<${L} name=${o("funnelWord")} extra="score" rows=${i.map(c=>({key:c.funnel_id,text:c.funnel_name,starts:c.total_starts,conversions:c.total_conversions,rate:c.conversion_rate,score:c.performance_score}))} />`:r`<div class="skeleton map-sk"></div>`:r`<${_} title=${o("comparisonEmpty")}>${o(l.length?"comparisonEmptyText":"comparisonNone")}<//>`}</div>
    <div class="panel-foot"><span>${d.length>0&&o("scoreText")}</span></div>
    ${l.length>0&&r`<div class="compare-pick"><${K} label=${o("chooseFunnels")} title=${o("comparisonTitle")} button="btn small">
      <div role="menu" aria-label=${o("comparisonTitle")}>${l.map(c=>r`<button key=${c.id} class="item" role="menuitemcheckbox"
        aria-checked=${d.includes(c.id)} disabled=${!d.includes(c.id)&&d.length>=re-1}
        onClick=${()=>$(c.id)}><${g} name=${d.includes(c.id)?"check":"plus"} /><span class="lbl">${c.name}</span></button>`)}</div>
    <//></div>`}
  </section>`}function xe(t,n){let[e,a]=y({key:"",rows:null,error:null}),s=`${t} ${n}`;return S(()=>{if(!t.length)return;let l=!0;return z(t,n).then(d=>l&&a({key:s,rows:d,error:null}),d=>l&&a({key:s,rows:null,error:E(d)})),()=>{l=!1}},[s]),e.key===s?e:{rows:null,error:null}}var z=(t,n)=>R("POST","../v1/funnels/compare?"+n,{funnel_ids:t});var Se=["funnel","edit","copy","by","all","with"],ue="../v1/funnels/?site="+encodeURIComponent(H),$e=4;function Fe({pages:t}){let{state:n,params:e,go:a,open:s}=te(Se),l=B(ue),[d,i]=y(!1),[u,$]=y(null),c=Z(!!e.edit,()=>import("../chunks/funnel_builder-NJBOCR5M.js")),[p,b]=y(""),f=l.data&&l.data.data.filter(k=>k.id!==p).toSorted((k,D)=>k.name.localeCompare(D.name)),h=k=>f?.find(D=>D.id===k),m=h(e.funnel),P=e.edit?e.edit!=="new"&&e.edit:e.funnel,C=!!(f&&P&&!h(P)),V=we({reload:l.retry,open:s,say:$,setGone:b}),pe=e.edit?o(e.edit==="new"?"newFunnel":"editFunnel"):m?.name??o("funnels"),me=e.edit?o("builderIntro"):m?m.description:o("funnelsIntro"),fe=f!==null&&(e.edit?c!==null:C?!l.isBusy:d);return r`<${oe} pages=${t} name="funnels" title=${pe} intro=${me} state=${n} go=${a} said=${u}
    silence=${()=>$(null)} back=${(e.edit||e.funnel)&&r`<a class="text-btn back" href=${T(n,{})}
      onClick=${x(()=>s({}))}><${g} name="back" size="14" />${o("allFunnels")}</a>`} tools=${e.edit||!m?["filter","period"]:["filter","compare","period"]} isReady=${fe}>
    ${!e.edit&&m&&r`<div class="page-tools"><${Ce} funnel=${m} state=${n} open=${s}
      remove=${()=>V.remove(m)} /></div>`}
    ${l.error&&r`<${O} error=${l.error} retry=${l.retry} go=${a} />`}
    ${!f||C&&l.isBusy?!l.error&&r`<div class="card"><div class="skeleton funnel-sk"></div></div>`:C?r`<div class="card"><${_} title=${o("noSuchFunnel")}>${o("noSuchFunnelText")}<//></div>`:e.edit?c&&r`<${c.default} key=${e.edit+e.copy} funnel=${h(e.edit)} copy=${h(e.copy)} state=${n}
        saved=${V.saved} cancel=${()=>s(h(e.edit)?{funnel:e.edit}:{})} />`:m?r`<${ce} key=${m.id+m.updated_at} funnel=${m} funnels=${f} state=${n} params=${e} go=${a}
          open=${(k,D)=>s({...k,funnel:m.id},D)} ready=${i} />`:r`<${De} funnels=${f} state=${n} go=${a} open=${s} ready=${i} />`}
  <//>`}function we({reload:t,open:n,say:e,setGone:a}){let s=()=>{U(),t()},l=$=>{s(),n({funnel:$.id}),e({text:o("funnelSaved",{name:$.name})})},d=$=>e({text:E($).message||o("offline")}),i=({id:$,name:c,description:p,is_active:b,steps:f,ordering:h,scope:m,window_s:P,value:C})=>R("POST",ue,{id:$,name:c,description:p,is_active:b,steps:f,ordering:h,scope:m,window_s:P,value:C}).then(()=>{a(""),s(),n({funnel:$})},d);return{saved:l,remove:$=>R("DELETE","../v1/funnels/"+$.id).then(()=>{a($.id),s(),n({}),e({text:o("funnelDeleted",{name:$.name}),undo:()=>i($)})},d)}}function Ce({funnel:t,state:n,open:e,remove:a}){let s=(l,d,i)=>r`<a class="btn" href=${T(n,i)} onClick=${x(()=>e(i))}>
    <${g} name=${l} />${d}</a>`;return r`${A("write")&&r`${s("edit",o("editWord"),{edit:t.id})}${s("copy",o("duplicate"),{edit:"new",copy:t.id})}
      <button class="btn" onClick=${a}><${g} name="trash" />${o("deleteWord")}</button>`}
    <a class="btn" href=${de(t,n)} download><${g} name="download" />CSV</a>`}function De({funnels:t,state:n,go:e,open:a,ready:s}){let{figures:l,error:d,retry:i,isDone:u}=Ee(t,F(n).toString());S(()=>s(u),[u]);let $=r`<a class="btn primary" href=${T(n,{edit:"new"})} onClick=${x(()=>a({edit:"new"}))}>
    <${g} name="plus" />${o("buildFunnel")}</a>`;return t.length?r`<div class="page-tools">${$}</div>
    <${O} error=${d} retry=${i} go=${e} />
    <section class="card panel" aria-label=${o("funnels")}><table class="rates">
    <colgroup><col /><col class="c-v hide-small" /><col class="c-v" /><col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${o("funnelWord")}</th><th scope="col" class="hide-small">${o("started")}</th><th scope="col">${o("converted")}</th><th scope="col">${o("rate")}</th></tr></thead>
    <tbody>${t.map(c=>r`<${Re} key=${c.id} funnel=${c} found=${l[c.id]} state=${n} open=${a} />`)}</tbody>
  </table></section>`:r`<div class="card first-funnel"><${_} title=${o("noFunnels")}>${o("noFunnelsText")}<div>${$}</div><//></div>`}function Re({funnel:t,found:n,state:e,open:a}){let s={funnel:t.id};return r`<tr>
    <td class="row tall"><span class="fill" style=${{"--w":(n?.conversion_rate??0)+"%"}}></span>
      <a class="cell" href=${T(e,s)} onClick=${x(()=>a(s))}><span class="two"><b class="lbl">${t.name}</b>
        <span class="lbl muted">${t.steps.map(ee).join(" → ")}</span></span></a></td>
    <td class="n hide-small">${n?v(n.total_starts):"…"}</td><td class="n">${n?v(n.total_conversions):"…"}</td>
    <td class="v">${n?w(n.conversion_rate):"…"}</td></tr>`}function Ee(t,n){let[e,a]=y({figures:{},error:null,isDone:!1}),[s,l]=y(0),d=t.map(i=>i.id);return S(()=>{let i=!0,u=async()=>{for(let $=0;$<d.length&&i;$+=$e){let c=await z(d.slice($,$+$e),n);i&&a(p=>({...p,figures:{...p.figures,...Object.fromEntries(c.map(b=>[b.funnel_id,b]))}}))}};return a($=>({...$,error:null,isDone:!1})),u().then(()=>null,E).then($=>i&&a(c=>({...c,error:$,isDone:!0}))),()=>{i=!1}},[d.join(),n,s]),{...e,retry:()=>l(s+1)}}export{Fe as default};
