import{a as I}from"../chunks/chunk-KUTW5A3J.js";import{b as E,c as x,d as T,e as D,g as F,h as B,i as G}from"../chunks/chunk-RTEIJ27F.js";import"../chunks/chunk-IGRD2RXR.js";import"../chunks/chunk-YZWIAMOP.js";import{a as f,b as C,c as v}from"../chunks/chunk-22CEYVEG.js";import{a as R,b as P,c as S}from"../chunks/chunk-UO3QC5Z5.js";import"../chunks/chunk-5QQWLRGC.js";import"../chunks/chunk-6M7UO4EF.js";import{Aa as w,Ca as U,Fa as s,Ma as N,Na as j,Ra as z,S as b,U as y,Y as m,b as p,c as d,g as t,h as k,m as O,ra as g,z as c}from"../chunks/chunk-UMTCUHV3.js";var J=e=>`/sites/${encodeURIComponent(k)}/${e}`;function A({pages:e}){return O("export")?t`<${K} pages=${e} />`:t`<${w} pages=${e} name="users" title=${s("users")} isReady=${!0}>
    <div class="card"><${g} title=${s("noExportTitle")}>${s("noExportUsers")}<//></div><//>`}function K({pages:e}){let{state:l,params:n,go:i,open:r}=C([...E,"user"]),[o,a]=p(!1),[u,L]=p(null),{user:$,...h}=n,_=z(!!$,()=>import("../chunks/timeline-YGVMAPNO.js")),M=$?["period"]:n.cohort?["filter"]:["filter","period"];return t`<${R} pages=${e} name="users" title=${$||s("users")} intro=${$?"":s("usersIntro")} state=${l} go=${i}
    back=${$&&t`<a class="text-btn back" href=${f(l,{...h,user:""})} onClick=${v(()=>r({...h}))}>
      <${m} name="back" size="14" />${s("allUsers")}</a>`} tools=${M} said=${u} silence=${()=>L(null)} isReady=${o}>
    ${$?_&&t`<${_.default} key=${$} user=${$} state=${l} go=${i} ready=${a} />`:t`<${W} state=${l} group=${h} go=${i} open=${r} ready=${a} />`}
  <//>`}function W({state:e,group:l,go:n,open:i,ready:r}){let o=I(D(e,l),"users"),a=o.rows,u=a!==null&&!o.isBusy||o.error!==null;return d(()=>r(u),[u]),t`${T(l)&&t`<${q} group=${l} state=${e} open=${i} />`}
    <${P} error=${o.error} meta=${o.meta} retry=${o.retry} go=${n} />
    <section class=${"card panel"+(o.isBusy&&a?" busy":"")} aria-label=${s("users")}>
      <div class="tabs"><h2 class="tab on num">${a?s("userCount",{n:c(o.total)},o.total):s("users")}</h2><span class="grow"></span>
        ${a&&a.length>0&&t`<${H} state=${e} group=${l} />`}</div>
      ${a?a.length?t`<${Q} users=${a} state=${e} group=${l} open=${i} />`:t`<${g} title=${s("noUsers")}>${s("noUsersText")}<//>`:!o.error&&t`<div class="skeleton map-sk"></div>`}
      ${o.next&&t`<div class="panel-foot"><span>${s("shownOf",{n:c(a?.length),all:c(o.total)})}</span>
        <button class="more" disabled=${o.isBusy} onClick=${o.more}>${s("showMore")}</button></div>`}
    </section>
    ${o.meta&&t`<${S} meta=${o.meta} took=${o.took} />`}`}function q({group:e,state:l,open:n}){let[i,r]=p(null);d(()=>{e.funnel&&N("../v1/funnels/"+encodeURIComponent(e.funnel)).then(u=>r(u.funnel),()=>{})},[e.funnel]);let o=B(e,i),a=G(e);return t`<div class="chips" role="group" aria-label=${s("groupTitle")}><span class="chip group-chip"><span>${o}</span>
      <button aria-label=${s("removeFilter",{name:o})} onClick=${()=>n(x)}><${m} name="x" size="13" /></button></span>
    ${a&&t`<a class="text-btn" href=${f(l,{...x,...a.params},J(a.page))}>${s("openFunnel")}</a>`}</div>`}function H({state:e,group:l}){let[n,i]=p(null),r=JSON.stringify(F(e,l));d(()=>i(null),[r]);let o=()=>j("POST","exports",JSON.parse(r)).then(()=>i({text:s("listOrdered"),isDone:!0}),a=>i({text:U(a).message||s("offline"),isDone:!1}));return t`<span class="ordered" role="status">${n&&(n.isDone?t`<a href=${J("exports")}>${n.text}</a>`:t`<span class="job-error">${n.text}</span>`)}</span>
    ${!n?.isDone&&t`<button class="btn small" onClick=${o}><${m} name="download" />${s("exportList")}</button>`}`}function Q({users:e,state:l,group:n,open:i}){return t`<table class="users">
    <colgroup><col /><col class="c-t hide-small" /><col class="c-t" /><col class="c-v" /><col class="c-v hide-small" /><col class="c-v hide-small" /></colgroup>
    <thead><tr><th scope="col">${s("user_id")}</th><th scope="col" class="hide-small">${s("firstSeen")}</th><th scope="col">${s("lastSeen")}</th>
      <th scope="col">${s("events")}</th><th scope="col" class="hide-small">${s("page_views")}</th><th scope="col" class="hide-small">${s("visits")}</th></tr></thead>
    <tbody>${e.map(r=>t`<tr key=${r.user_id}>
      <td class="row"><a class="cell" href=${f(l,{...n,user:r.user_id})} title=${r.user_id}
        onClick=${v(()=>i({...n,user:r.user_id}))}><${V} id=${r.user_id} /></a></td>
      <td class="s hide-small" title=${y(r.first_seen_at)}>${b(r.first_seen_at)}</td>
      <td class="s" title=${y(r.last_seen_at)}>${b(r.last_seen_at)}</td>
      <td class="v">${c(r.events)}</td><td class="n hide-small">${c(r.page_views)}</td><td class="n hide-small">${c(r.visits)}</td></tr>`)}</tbody>
  </table>`}var V=({id:e})=>t`<span class="lbl">${e}</span>${/^[~#]/.test(e)&&t`<span class="state">${s(e[0]==="~"?"visitorKey":"pseudonym")}</span>`}`;export{A as default};
