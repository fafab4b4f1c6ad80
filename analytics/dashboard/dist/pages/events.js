import"../chunks/chunk-PWNQSROH.js";import{d as tt,g as P}from"../chunks/chunk-QLS6DY2W.js";import{b as B,c as O,e as X,f as Z}from"../chunks/chunk-B6TNGEH2.js";import"../chunks/chunk-AZHLYJBZ.js";import{a as k,b as Y,c as w}from"../chunks/chunk-22CEYVEG.js";import{a as _,b as A,c as J}from"../chunks/chunk-UO3QC5Z5.js";import"../chunks/chunk-QORAWW77.js";import"../chunks/chunk-YF7XTT2S.js";import{b as U}from"../chunks/chunk-ZJPEX3X2.js";import"../chunks/chunk-5QQWLRGC.js";import"../chunks/chunk-6M7UO4EF.js";import{A as R,C as Q,Ca as V,Fa as s,Na as T,Pa as C,Qa as et,Ra as G,Y as f,b as h,c as W,f as q,g as o,h as x,m as v,ra as b,s as z,v as K,y as N,z as E}from"../chunks/chunk-UMTCUHV3.js";function ot({goals:a,isBusy:l,state:t,open:n,create:i}){let c=v("write")&&o`<button class="btn primary small" onClick=${i}><${f} name="plus" />${s("newGoal")}</button>`;return o`<section class=${"card panel"+(l?" busy":"")} aria-label=${s("goalsTitle")}>
    <div class="tabs"><h2 class="tab on">${s("goalsTitle")}</h2><span class="grow"></span>${a&&a.length>0&&c}</div>
    ${a?a.length?o`<${lt} goals=${a} state=${t} open=${n} />`:o`<${b} title=${s("firstGoal")}>${s("firstGoalText")}
      <div>${c||s("onlyReaders")}</div><//>`:o`<div class="skeleton list-sk"></div>`}
  </section>`}function lt({goals:a,state:l,open:t}){let n=a.some(e=>e.change),i=a.some(e=>e.amounts),c=Math.max(1e-9,...a.map(e=>e.rate??0));return o`<table class="wide">
    <colgroup><col /><col class="c-v hide-small" /><col class="c-v" /><col class="c-v" />${n&&o`<col class="c-v hide-small" />`}
      ${i&&o`<col class="c-m hide-small" />`}</colgroup>
    <thead><tr><th scope="col">${s("goal")}</th><th scope="col" class="hide-small">${s("conversions")}</th><th scope="col">${s("users")}</th>
      <th scope="col">${s("rate")}</th>${n&&o`<th scope="col" class="hide-small">${s("change")}</th>`}
      ${i&&o`<th scope="col" class="hide-small">${s("revenue")}</th>`}</tr></thead>
    <tbody>${a.map(e=>o`<tr key=${e.id} title=${e.conversions==null?s("notKnown"):void 0}>
      <td class="row tall"><span class="fill" style=${{"--w":(e.rate??0)/c*100+"%"}}></span>
        <a class="cell" href=${k(l,{goal:e.id})} title=${s("goalOpen",{name:e.name})}
          onClick=${w(()=>t({goal:e.id}))}><span class="two"><b class="lbl">${e.name}</b>
          <span class="lbl muted">${O(e)}</span></span></a></td>
      <td class="v hide-small" title=${E(e.conversions)}>${R(e.conversions)}</td>
      <td class="v" title=${E(e.users)}>${R(e.users)}</td><td class="v">${Q(e.rate)}</td>
      ${n&&o`<td class="v hide-small"><${U} change=${e.change?.conversions} good=${1} /></td>`}
      ${i&&o`<td class="v hide-small money" title=${Z(e)}>${X(e)||N}</td>`}
    </tr>`)}</tbody></table>`}var nt=["type","goal","by","prop","measure"],it="goals?site="+encodeURIComponent(x),ct=200;function $t({pages:a}){let{state:l,params:t,go:n,open:i}=Y(nt),[c,e]=h(!1),[$,r]=h(null),[m,d]=h(null),[u,S]=h(0),D=!t.type&&!t.goal,y=C(it),p=y.data?.goals.find(g=>g.id===t.goal),L=!!(t.goal&&y.data&&!p&&!y.isBusy),I=G(!!t.type,()=>import("../chunks/type_report-RENJSHZE.js")),M=G(!!t.goal,()=>import("../chunks/goal_report-K64JQAMX.js")),j=G(m!==null,()=>import("../chunks/goal_form-QBNELORV.js")),F=mt({changed:()=>{et(),y.retry(),S(g=>g+1)},open:i,say:r}),H=q((g,rt)=>i({...t.type?{type:t.type}:{goal:t.goal},...g},rt),[t.type,t.goal]),st=t.type?B(t.type):p?.name??s("eventsTitle"),at=t.type?void 0:p?O(p):s("eventsIntro");return o`<${_} pages=${a} name="events" title=${st} intro=${at} state=${l} go=${n} said=${$}
      silence=${()=>r(null)} back=${!D&&o`<a class="text-btn back" href=${k(l,{})} onClick=${w(()=>i({}))}>
        <${f} name="back" size="14" />${s("allEvents")}</a>`} tools=${["filter","compare","period"]} isReady=${c||L}>
    ${(p||t.type)&&v("write")&&o`<div class="page-tools"><span class="push"></span>
      ${p&&o`<button class="btn" onClick=${()=>d(p)}><${f} name="edit" />${s("changeGoal")}</button>
        <button class="btn" onClick=${()=>F.remove(p)}><${f} name="trash" />${s("deleteWord")}</button>`}
      ${t.type&&o`<button class="btn" onClick=${()=>d({type:t.type,name:B(t.type)})}>
        <${f} name="flag" />${s("makeGoal")}</button>`}</div>`}
    ${t.goal&&y.error&&o`<${A} error=${y.error} retry=${y.retry} go=${n} />`}
    ${L&&o`<div class="card"><${b} title=${s("noSuchGoal")}>${s("noSuchGoalText")}<//></div>`}
    ${D&&o`<${dt} key=${u} state=${l} go=${n} open=${i} ready=${e} create=${()=>d({})} />`}
    ${t.type&&I&&o`<${I.default} key=${t.type} type=${t.type} state=${l} params=${t} go=${n}
      open=${H} ready=${e} />`}
    ${p&&M&&o`<${M.default} key=${p.id+u} goal=${p} state=${l} params=${t} go=${n}
      open=${H} ready=${e} />`}
  <//>
  ${m&&j&&o`<${j.default} goal=${m} state=${l} close=${()=>d(null)} saved=${F.saved} />`}`}function mt({changed:a,open:l,say:t}){let n=r=>t({text:V(r).message||s("offline")}),i=({name:r,type:m,path:d,filter:u,value:S})=>({name:r,type:m,path:d,filter:u,value:S}),c=(r,m)=>{a(),l({goal:r.id});let d=()=>m&&T("PATCH",`goals/${r.id}`,i(m)).then(a,n);t({text:s("goalSaved",{name:r.name}),undo:m&&d})},e=r=>{let m=Object.entries(i(r)).filter(([,d])=>d!==null);return T("POST","goals",{site:x,id:r.id,...Object.fromEntries(m)}).then(()=>{a(),l({goal:r.id})},n)};return{saved:c,remove:r=>T("DELETE",`goals/${r.id}`).then(()=>{a(),l({}),t({text:s("goalDeleted",{name:r.name}),undo:()=>e(r)})},n)}}function dt({state:a,go:l,open:t,ready:n,create:i}){let c=K(a),e=C("reports/goals?"+P(c,a));c.set("granularity",pt(a)),c.set("limit",String(ct));let $=C("reports/event-types?"+P(c,a)),r=[e,$].every(u=>!u.isBusy&&(u.data!==null||u.error!==null));W(()=>n(r),[r]);let m=$.error??e.error,d=()=>{e.retry(),$.retry()};return o`<${A} error=${m} meta=${$.data?.meta} retry=${d} go=${l} />
    <${ot} goals=${e.data?.goals??null} isBusy=${e.isBusy&&e.data!==null} state=${a} open=${t} create=${i} />
    <div class="main-gap"></div>
    <${tt} data=${$.data} isBusy=${$.isBusy&&$.data!==null} state=${a} open=${t} />
    ${$.data&&o`<${J} meta=${$.data.meta} took=${$.took} />`}`}function pt(a){let[,l]=z(a);return l<=31?"day":l<=210?"week":"month"}export{$t as default};
