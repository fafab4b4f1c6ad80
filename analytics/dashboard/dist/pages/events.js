import{a as tt,d as G,f as et,g as ot,h as P}from"../chunks/chunk-KNET57ZC.js";import"../chunks/chunk-3FAOWEPM.js";import{a as J,b as B,c as X,d as T,e as Z,f as C}from"../chunks/chunk-SPHTWQJH.js";import{b as _}from"../chunks/chunk-R6ISBZZL.js";import{A as K,D as N,Da as V,E,Ea as s,F as R,H as Q,La as k,Na as w,Oa as Y,Pa as O,_ as A,b as h,c as H,ca as b,ea as f,f as q,g as o,h as x,n as v,w as z,ya as U}from"../chunks/chunk-DVZ2JOGS.js";function st({goals:a,isBusy:l,state:t,open:n,create:i}){let c=v("write")&&o`<button class="btn primary small" onClick=${i}><${f} name="plus" />${s("newGoal")}</button>`;return o`<section class=${"card panel"+(l?" busy":"")} aria-label=${s("goalsTitle")}>
<div class="tabs"><h2 class="tab on">${s("goalsTitle")}</h2><span class="grow"></span>${a&&a.length>0&&c}</div>
${a?a.length?o`<${nt} goals=${a} state=${t} open=${n} />`:o`<${b} title=${s("firstGoal")}>${s("firstGoalText")}
<div>${c||s("onlyReaders")}</div><//>`:o`<div class="skeleton list-sk"></div>`}
</section>`}function nt({goals:a,state:l,open:t}){let n=a.some(e=>e.change),i=a.some(e=>e.amounts),c=Math.max(1e-9,...a.map(e=>e.rate??0));return o`<table class="wide">
<colgroup><col /><col class="c-v hide-small" /><col class="c-v" /><col class="c-v" />${n&&o`<col class="c-v hide-small" />`}
${i&&o`<col class="c-m hide-small" />`}</colgroup>
<thead><tr><th scope="col">${s("goal")}</th><th scope="col" class="hide-small">${s("conversions")}</th><th scope="col">${s("users")}</th>
<th scope="col">${s("rate")}</th>${n&&o`<th scope="col" class="hide-small">${s("change")}</th>`}
${i&&o`<th scope="col" class="hide-small">${s("revenue")}</th>`}</tr></thead>
<tbody>${a.map(e=>o`<tr key=${e.id} title=${e.conversions==null?s("notKnown"):void 0}>
<td class="row tall"><span class="fill" style=${{"--w":(e.rate??0)/c*100+"%"}}></span>
<a class="cell" href=${T(l,{goal:e.id})} title=${s("goalOpen",{name:e.name})}
onClick=${C(()=>t({goal:e.id}))}><span class="two"><b class="lbl">${e.name}</b>
<span class="lbl muted">${G(e)}</span></span></a></td>
<td class="v hide-small" title=${E(e.conversions)}>${R(e.conversions)}</td>
<td class="v" title=${E(e.users)}>${R(e.users)}</td><td class="v">${Q(e.rate)}</td>
${n&&o`<td class="v hide-small"><${_} change=${e.change?.conversions} good=${1} /></td>`}
${i&&o`<td class="v hide-small money" title=${ot(e)}>${et(e)||N}</td>`}
</tr>`)}</tbody></table>`}await V(()=>import("../chunks/words_events-C65IZYDG.js"),()=>import("../chunks/words_events_de-OAQJQHFN.js"));var it=["type","goal","by","prop","measure"],ct="goals?site="+encodeURIComponent(x),$t=200;function mt({pages:a}){let{state:l,params:t,go:n,open:i}=Z(it),[c,e]=h(!1),[$,r]=h(null),[m,d]=h(null),[u,S]=h(0),D=!t.type&&!t.goal,y=w(ct),p=y.data?.goals.find(g=>g.id===t.goal),L=!!(t.goal&&y.data&&!p&&!y.isBusy),I=O(!!t.type,()=>import("../chunks/type_report-DSOPXMVV.js")),M=O(!!t.goal,()=>import("../chunks/goal_report-5V6CWXLA.js")),j=O(m!==null,()=>import("../chunks/goal_form-PK3OVQ6Z.js")),F=dt({changed:()=>{Y(),y.retry(),S(g=>g+1)},open:i,say:r}),W=q((g,lt)=>i({...t.type?{type:t.type}:{goal:t.goal},...g},lt),[t.type,t.goal]),at=t.type?A(t.type):p?.name??s("eventsTitle"),rt=t.type?void 0:p?G(p):s("eventsIntro");return o`<${J} pages=${a} name="events" title=${at} intro=${rt} state=${l} go=${n} said=${$}
silence=${()=>r(null)} back=${!D&&o`<a class="text-btn back" href=${T(l,{})} onClick=${C(()=>i({}))}>
<${f} name="back" size="14" />${s("allEvents")}</a>`} tools=${["filter","compare","period"]} isReady=${c||L}>
${(p||t.type)&&v("write")&&o`<div class="page-tools"><span class="push"></span>
${p&&o`<button class="btn" onClick=${()=>d(p)}><${f} name="edit" />${s("changeGoal")}</button>
<button class="btn" onClick=${()=>F.remove(p)}><${f} name="trash" />${s("deleteWord")}</button>`}
${t.type&&o`<button class="btn" onClick=${()=>d({type:t.type,name:A(t.type)})}>
<${f} name="flag" />${s("makeGoal")}</button>`}</div>`}
${t.goal&&y.error&&o`<${B} error=${y.error} retry=${y.retry} go=${n} />`}
${L&&o`<div class="card"><${b} title=${s("noSuchGoal")}>${s("noSuchGoalText")}<//></div>`}
${D&&o`<${pt} key=${u} state=${l} go=${n} open=${i} ready=${e} create=${()=>d({})} />`}
${t.type&&I&&o`<${I.default} key=${t.type} type=${t.type} state=${l} params=${t} go=${n}
open=${W} ready=${e} />`}
${p&&M&&o`<${M.default} key=${p.id+u} goal=${p} state=${l} params=${t} go=${n}
open=${W} ready=${e} />`}
<//>
${m&&j&&o`<${j.default} goal=${m} state=${l} close=${()=>d(null)} saved=${F.saved} />`}`}function dt({changed:a,open:l,say:t}){let n=r=>t({text:U(r).message||s("offline")}),i=({name:r,type:m,path:d,filter:u,value:S})=>({name:r,type:m,path:d,filter:u,value:S}),c=(r,m)=>{a(),l({goal:r.id});let d=()=>m&&k("PATCH",`goals/${r.id}`,i(m)).then(a,n);t({text:s("goalSaved",{name:r.name}),undo:m&&d})},e=r=>{let m=Object.entries(i(r)).filter(([,d])=>d!==null);return k("POST","goals",{site:x,id:r.id,...Object.fromEntries(m)}).then(()=>{a(),l({goal:r.id})},n)};return{saved:c,remove:r=>k("DELETE",`goals/${r.id}`).then(()=>{a(),l({}),t({text:s("goalDeleted",{name:r.name}),undo:()=>e(r)})},n)}}function pt({state:a,go:l,open:t,ready:n,create:i}){let c=K(a),e=w("reports/goals?"+P(c,a));c.set("granularity",ut(a)),c.set("limit",String($t));let $=w("reports/event-types?"+P(c,a)),r=[e,$].every(u=>!u.isBusy&&(u.data!==null||u.error!==null));H(()=>n(r),[r]);let m=$.error??e.error,d=()=>{e.retry(),$.retry()};return o`<${B} error=${m} meta=${$.data?.meta} retry=${d} go=${l} />
<${st} goals=${e.data?.goals??null} isBusy=${e.isBusy&&e.data!==null} state=${a} open=${t} create=${i} />
<div class="main-gap"></div>
<${tt} data=${$.data} isBusy=${$.isBusy&&$.data!==null} state=${a} open=${t} />
${$.data&&o`<${X} meta=${$.data.meta} took=${$.took} />`}`}function ut(a){let[,l]=z(a);return l<=31?"day":l<=210?"week":"month"}export{mt as default};
