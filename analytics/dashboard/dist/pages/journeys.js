import{a as w,b as J}from"../chunks/chunk-SPHTWQJH.js";import"../chunks/chunk-R6ISBZZL.js";import{A as T,B as x,Da as _,E as m,Ea as a,F as h,Ka as A,L as f,Na as S,b as g,c as j,ca as O,ea as b,g as r,oa as R,ra as E}from"../chunks/chunk-DVZ2JOGS.js";var v=({page:s,event:t})=>t===void 0?`page:${s}`:`event:${t}`,k=({page:s,event:t})=>t??(s||a("noValue"));function B({data:s,then:t,choose:n}){let o=s.direction==="to",e=s.columns.map((p,c)=>r`<${M} key=${c} column=${p} place=${c+1}
isTo=${o} total=${s.visits} hasNote=${t.length>0} chosen=${t[c]} before=${t.slice(0,c)}
choose=${$=>n(t[c]===$?t.slice(0,c):[...t.slice(0,c),$])} />`),i=r`<div class="path-col" key="anchor"><${I} name=${a(o?"endHere":"startHere")}
visits=${s.visits} />
<div class="path-step anchor"><${y} step=${s.anchor} /></div>
<div class="path-note num">${a("peopleCount",{n:m(s.users)},s.users)}</div></div>`;return r`<div class="path-cols" role="group">${o?[...e.toReversed(),i]:[i,...e]}</div>`}var I=({name:s,visits:t})=>r`<div class="path-head"><h2>${s}</h2><span class="num"
title=${m(t)}>${a("visitsCount",{n:h(t)},t)}</span></div>`;function M({column:s,place:t,isTo:n,total:o,hasNote:e,chosen:i,before:p,choose:c}){let $=Math.max(1,...s.rows.map(u=>u.visits),s.ended),l=a(n?"stepBefore":"stepAfter",{n:t},t),d=p.map(u=>u.slice(u.indexOf(":")+1)||a("noValue")).join(" → ");return r`<section class="path-col" aria-label=${l}>
<${I} name=${l} visits=${s.visits} />
${e&&r`<div class="path-note cut" title=${d}>${d?a("behind",{steps:d}):" "}</div>`}
${!s.visits&&r`<div class="path-note">${a("noSteps")}</div>`}
<ol>${s.rows.map(u=>r`<${U} key=${v(u.step)} row=${u} max=${$}
isChosen=${i===v(u.step)} choose=${()=>c(v(u.step))} />`)}
${s.other_visits>0&&r`<${N} name=${a("otherSteps")} visits=${s.other_visits}
part=${s.other_visits/o} max=${$} />`}
${s.ended>0&&r`<${N} name=${a(n?"beganHere":"leftHere")} icon=${n?"play":"exit"}
visits=${s.ended} part=${s.ended_share} max=${$} />`}</ol>
</section>`}function U({row:s,max:t,isChosen:n,choose:o}){let e=a("stepTitle",{step:k(s.step),share:f(s.share),visits:a("visitsCount",{n:m(s.visits)},s.visits),people:a("peopleCount",{n:m(s.users)},s.users)});return r`<li><button class=${"path-step"+(n?" chosen":"")} aria-pressed=${n} onClick=${o}
title=${`${e}. ${a("chooseStep")}`}><span class="fill" style=${{"--w":s.visits/t*100+"%"}}></span>
<${y} step=${s.step} /><span class="s num">${f(s.share)}</span>
<b class="num">${h(s.visits)}</b></button></li>`}var N=({name:s,visits:t,part:n,max:o,icon:e})=>r`<li class="path-step plain"><span class="fill"
style=${{"--w":t/o*100+"%"}}></span><span class="lbl">${e&&r`<${b} name=${e} size="13" />`}
${s}</span><span class="s num">${f(n)}</span><b class="num" title=${m(t)}>${h(t)}</b></li>`,y=({step:s})=>r`<span class=${"lbl"+(s.event===void 0?"":" event")}
title=${k(s)}>${k(s)}</span>`;await _(()=>import("../chunks/words_journeys-JOGL67II.js"),()=>import("../chunks/words_journeys_de-I46HO5Q3.js"));var H={page:"",direction:"from",steps:"4",then:"[]",events:""},W=["2","3","4","5"],z=10,D=50,F=20,G=300;function L({pages:s}){let[t,n]=x(H),o=Q(t),e=t.page||o.top,i=V(t.then),p=e!==null&&(!t.events||o.types!==null),c=S(p&&e?q(t,e,i,o.types??[]):""),$=e?c.data:null,l=e==="",d=l||p&&$!==null&&!c.isBusy&&K($,t,e);return r`<${w} pages=${s} name="journeys" title=${a("journeys")} intro=${a("journeysIntro")}
isReady=${d} state=${t} go=${n} tools=${["filter","period"]}>
<${J} error=${o.error??(e?c.error:null)} retry=${o.error?o.retry:c.retry}
go=${n} />
<section class=${"card panel"+(c.isBusy&&$?" busy":"")} aria-label=${a("journeys")}>
<${X} state=${t} go=${n} page=${e??""} />
${l||$?.visits===0?r`<${O} title=${a(l?"emptyTitle":"noJourneys")}>
${a(l?"emptyText":"noJourneysText")}<//>`:$?r`<${B} data=${$} then=${i}
choose=${u=>n({then:JSON.stringify(u)})} />`:r`<div class="skeleton cohorts-sk"></div>`}
</section>
${$&&$.visits>0&&r`<${ts} data=${$} isBusy=${c.isBusy} />`}
<//>`}function V(s){try{let t=JSON.parse(s);return Array.isArray(t)?t.map(String):[]}catch{return[]}}var P=s=>W.includes(s.steps)?s.steps:H.steps;function q(s,t,n,o){let e=T(s);e.set(s.direction==="to"?"to_page":"from_page",t),e.set("steps",P(s)),e.set("limit",String(z));for(let i of n.slice(0,Number(P(s))-1))e.append("then",i);return s.events&&o.forEach(i=>e.append("type",i)),"reports/journeys?"+e}var K=(s,t,n)=>s.anchor.page===n&&s.direction===(t.direction==="to"?"to":"from");function Q(s){let t=S(s.page?"":Y(s)),n=S(s.events?C(s,"type",F+1,""):""),o=p=>p&&p.rows.map(c=>c.value??""),e=o(t.data),i=o(n.data);return{top:e&&(e[0]??""),types:i&&i.filter(p=>p!=="page_view").slice(0,F),error:(s.page?null:t.error)??(s.events?n.error:null),retry:()=>{t.retry(),n.retry()}}}var Y=s=>C(s,"path",1,s.filter),C=(s,t,n,o)=>`reports/breakdown?${T(s,o)}&dimension=${t}&limit=${n}`;function X({state:s,go:t,page:n}){let o=(i,p,c)=>r`<button
aria-pressed=${p} onClick=${()=>t({then:"[]",...i})}>${a(c)}</button>`,e=s.direction==="to";return r`<div class="plot-head tools-row">
<span class="seg" role="group" aria-label=${a("direction")}>
${o({direction:"from"},!e,"fromPage")}${o({direction:"to"},e,"toPage")}</span>
<${Z} key=${n} state=${s} go=${t} page=${n} />
<span class="grow"></span>
<span class="seg" role="group" aria-label=${a("stepKinds")}>
${o({events:""},!s.events,"pagesAlone")}${o({events:"1"},!!s.events,"withEvents")}</span>
<label class="inline">${a("stepCount")} <select class="choice" value=${P(s)}
onChange=${i=>t({steps:i.target.value,then:"[]"})}>
${W.map(i=>r`<option key=${i} value=${i} selected=${i===P(s)}>${i}</option>`)}
</select></label>
</div>`}function Z({state:s,go:t,page:n}){let[o,e]=g(n),i=ss(s,o===n?"":o),p=l=>l.trim()&&l!==n&&t({page:l.trim(),then:"[]"}),c=l=>{e(l.target.value),(l.inputType==="insertReplacementText"||!l.inputType)&&p(l.target.value)};return r`<form class="path-search" role="search" onSubmit=${l=>{l.preventDefault(),p(o)}}><input class="search" type="search"
list="journey-pages" autocomplete="off" maxlength="1024" aria-label=${a("pageField")} placeholder=${a("pageField")}
value=${o} onInput=${c} onFocus=${l=>l.target.select()} />
<button class="btn">${a("apply")}</button>
<datalist id="journey-pages">${i.map(l=>r`<option key=${l} value=${l} />`)}</datalist></form>`}function ss(s,t){let[n,o]=g([]),e=t?E(s.filter,R("path","=~",[t])):s.filter,i=C(s,"path",D,e);return j(()=>{let p=new AbortController,c=l=>o(l.rows.flatMap(d=>d.value||[])),$=setTimeout(()=>A(i,p.signal).then(c,()=>{}),G);return()=>{clearTimeout($),p.abort()}},[i]),n}function ts({data:s,isBusy:t}){let n=Math.max(1,...s.journeys.map(e=>e.visits)),o=s.other_visits;return r`<section class=${"card panel ways-list"+(t?" busy":"")} aria-label=${a("topJourneys")}>
<div class="tabs"><h2 class="tab on">${a("topJourneys")}</h2></div>
<table>
<colgroup><col /><col class="c-s" /><col class="c-v" /><col class="c-v hide-small" /></colgroup>
<thead><tr><th scope="col">${a("way")}</th><th scope="col"><span class="vh">${a("share")}</span></th>
<th scope="col">${a("visits")}</th><th scope="col" class="hide-small">${a("people")}</th></tr></thead>
<tbody>${s.journeys.map(e=>r`<${es} key=${e.steps.map(v).join(`
`)} way=${e} max=${n} />`)}
</tbody>
</table>
<div class="panel-foot"><span>${o>0&&a("otherWays",{n:m(o)},o)}</span></div>
</section>`}function es({way:s,max:t}){let[n,o]=g(!1),e=s.steps.map((i,p)=>r`${p>0&&r`<span class="arrow" aria-hidden="true">→</span>`}
<${y} step=${i} />`);return r`<tr>
<td class="row"><span class="fill" style=${{"--w":s.visits/t*100+"%"}}></span>
<button class="cell way" aria-expanded=${n} onClick=${()=>o(!n)}><${b} name="chevron"
size="14" />${e}</button></td>
<td class="s">${f(s.share)}</td><td class="v" title=${m(s.visits)}>${h(s.visits)}</td>
<td class="v hide-small" title=${m(s.users)}>${h(s.users)}</td></tr>
${n&&r`<tr class="way-steps"><td colspan="4"><ol>${s.steps.map((i,p)=>r`<li key=${p}>
<span class="num">${p+1}</span><${y} step=${i} /></li>`)}</ol></td></tr>`}`}export{L as default,Y as topPath};
