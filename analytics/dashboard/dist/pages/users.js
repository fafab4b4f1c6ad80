import{a as J}from"../chunks/chunk-EX2OLQZH.js";import{b as B,c as x,d as G,e as I,g as N,h as j,i as z}from"../chunks/chunk-AOHBNNFA.js";import"../chunks/chunk-LILOKRKL.js";import{a as E,b as T,c as D,d as f,e as F,f as v}from"../chunks/chunk-SPHTWQJH.js";import"../chunks/chunk-R6ISBZZL.js";import{Da as C,E as c,Ea as s,Ka as R,La as P,Pa as S,V as b,X as y,b as u,c as p,ca as g,ea as m,g as t,h as k,n as w,wa as O,ya as U}from"../chunks/chunk-DVZ2JOGS.js";await C(()=>import("../chunks/words_funnels-3CA6IFGU.js"),()=>import("../chunks/words_funnels_de-URWMFQB5.js"));var L=e=>`/sites/${encodeURIComponent(k)}/${e}`;function A({pages:e}){return w("export")?t`<${K} pages=${e} />`:t`<${O} pages=${e} name="users" title=${s("users")} isReady=${!0}>
<div class="card"><${g} title=${s("noExportTitle")}>${s("noExportUsers")}<//></div><//>`}function K({pages:e}){let{state:l,params:n,go:i,open:r}=F([...B,"user"]),[o,a]=u(!1),[d,M]=u(null),{user:$,...h}=n,_=S(!!$,()=>import("../chunks/timeline-D6N3OCHU.js")),W=$?["period"]:n.cohort?["filter"]:["filter","period"];return t`<${E} pages=${e} name="users" title=${$||s("users")} intro=${$?"":s("usersIntro")} state=${l} go=${i}
back=${$&&t`<a class="text-btn back" href=${f(l,{...h,user:""})} onClick=${v(()=>r({...h}))}>
<${m} name="back" size="14" />${s("allUsers")}</a>`} tools=${W} said=${d} silence=${()=>M(null)} isReady=${o}>
${$?_&&t`<${_.default} key=${$} user=${$} state=${l} go=${i} ready=${a} />`:t`<${q} state=${l} group=${h} go=${i} open=${r} ready=${a} />`}
<//>`}function q({state:e,group:l,go:n,open:i,ready:r}){let o=J(I(e,l),"users"),a=o.rows,d=a!==null&&!o.isBusy||o.error!==null;return p(()=>r(d),[d]),t`${G(l)&&t`<${H} group=${l} state=${e} open=${i} />`}
<${T} error=${o.error} meta=${o.meta} retry=${o.retry} go=${n} />
<section class=${"card panel"+(o.isBusy&&a?" busy":"")} aria-label=${s("users")}>
<div class="tabs"><h2 class="tab on num">${a?s("userCount",{n:c(o.total)},o.total):s("users")}</h2><span class="grow"></span>
${a&&a.length>0&&t`<${Q} state=${e} group=${l} />`}</div>
${a?a.length?t`<${V} users=${a} state=${e} group=${l} open=${i} />`:t`<${g} title=${s("noUsers")}>${s("noUsersText")}<//>`:!o.error&&t`<div class="skeleton map-sk"></div>`}
${o.next&&t`<div class="panel-foot"><span>${s("shownOf",{n:c(a?.length),all:c(o.total)})}</span>
<button class="more" disabled=${o.isBusy} onClick=${o.more}>${s("showMore")}</button></div>`}
</section>
${o.meta&&t`<${D} meta=${o.meta} took=${o.took} />`}`}function H({group:e,state:l,open:n}){let[i,r]=u(null);p(()=>{e.funnel&&R("../v1/funnels/"+encodeURIComponent(e.funnel)).then(d=>r(d.funnel),()=>{})},[e.funnel]);let o=j(e,i),a=z(e);return t`<div class="chips" role="group" aria-label=${s("groupTitle")}><span class="chip group-chip"><span>${o}</span>
<button aria-label=${s("removeFilter",{name:o})} onClick=${()=>n(x)}><${m} name="x" size="13" /></button></span>
${a&&t`<a class="text-btn" href=${f(l,{...x,...a.params},L(a.page))}>${s("openFunnel")}</a>`}</div>`}function Q({state:e,group:l}){let[n,i]=u(null),r=JSON.stringify(N(e,l));p(()=>i(null),[r]);let o=()=>P("POST","exports",JSON.parse(r)).then(()=>i({text:s("listOrdered"),isDone:!0}),a=>i({text:U(a).message||s("offline"),isDone:!1}));return t`<span class="ordered" role="status">${n&&(n.isDone?t`<a href=${L("exports")}>${n.text}</a>`:t`<span class="job-error">${n.text}</span>`)}</span>
${!n?.isDone&&t`<button class="btn small" onClick=${o}><${m} name="download" />${s("exportList")}</button>`}`}function V({users:e,state:l,group:n,open:i}){return t`<table class="users">
<colgroup><col /><col class="c-t hide-small" /><col class="c-t" /><col class="c-v" /><col class="c-v hide-small" /><col class="c-v hide-small" /></colgroup>
<thead><tr><th scope="col">${s("user_id")}</th><th scope="col" class="hide-small">${s("firstSeen")}</th><th scope="col">${s("lastSeen")}</th>
<th scope="col">${s("events")}</th><th scope="col" class="hide-small">${s("page_views")}</th><th scope="col" class="hide-small">${s("visits")}</th></tr></thead>
<tbody>${e.map(r=>t`<tr key=${r.user_id}>
<td class="row"><a class="cell" href=${f(l,{...n,user:r.user_id})} title=${r.user_id}
onClick=${v(()=>i({...n,user:r.user_id}))}><${X} id=${r.user_id} /></a></td>
<td class="s hide-small" title=${y(r.first_seen_at)}>${b(r.first_seen_at)}</td>
<td class="s" title=${y(r.last_seen_at)}>${b(r.last_seen_at)}</td>
<td class="v">${c(r.events)}</td><td class="n hide-small">${c(r.page_views)}</td><td class="n hide-small">${c(r.visits)}</td></tr>`)}</tbody>
</table>`}var X=({id:e})=>t`<span class="lbl">${e}</span>${/^[~#]/.test(e)&&t`<span class="state">${s(e[0]==="~"?"visitorKey":"pseudonym")}</span>`}`;export{A as default};
