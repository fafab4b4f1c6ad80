import{a as C}from"../chunks/chunk-3FAOWEPM.js";import{a as D,b as K}from"../chunks/chunk-CQVKA6D7.js";import{Da as j,Ea as t,Ka as I,La as v,Na as O,X as h,b as c,c as x,ca as w,g as s,h as b,n as S,wa as F,xa as k,ya as y}from"../chunks/chunk-DVZ2JOGS.js";await j(()=>import("../chunks/words_settings-LBCEW3GZ.js"),()=>import("../chunks/words_settings_de-MXC5OJUL.js"));var z=["ingest","read","export","write","admin"],A=e=>!e.revoked_at&&(!e.expires_at||Date.parse(e.expires_at)>Date.now());function R(){let[e,o]=c(null),[n,l]=c(null),[i,a]=c(null),[d,$]=c(null),m=p=>p.then(g=>(l(g?.key?g:null),$(null),I("keys").then(_=>o(_.keys.filter(N))))).catch(g=>$(y(g)));x(()=>{m(Promise.resolve(null))},[]);let u=()=>{i&&(a(null),m(i.what==="revoke"?v("DELETE",`keys/${i.key.id}`):v("POST",`keys/${i.key.id}/rotate`,{})))},r=e?.filter(A);return s`<section class="card pad" aria-label=${t("keysTitle")}>
<h2 class="card-title">${t("keysTitle")}</h2><p class="muted">${t("keysIntro")}</p>
<${q} create=${p=>m(v("POST","keys",p))} />
<${k} error=${d} retry=${()=>m(Promise.resolve(null))} />
${n&&s`<div class="secret" role="status"><span>${t(n.kind==="secret"?"secretOnce":"keyMade")}</span>
<code>${n.key}</code><${C} text=${n.key??""} label=${n.name} /></div>`}
${r?r.length?s`<ul class="jobs">${r.map(p=>s`<li key=${p.id}>
<${Z} item=${p} ask=${a} /></li>`)}</ul>`:s`<${w}
title=${t("noKeys")}>${t("noKeysText")}<//>`:s`<div class="skeleton settings-sk"></div>`}
${i&&s`<${D} title=${t(i.what==="revoke"?"revokeTitle":"rotateTitle",W(i.key))}
text=${t(i.what==="revoke"?"revokeText":"rotateText")} yes=${t(i.what==="revoke"?"revoke":"rotate")}
confirm=${u} close=${()=>a(null)} />`}
</section>`}var N=e=>e.sites===null||e.sites.includes(b),W=e=>({name:e.name||e.prefix});function Z({item:e,ask:o}){return s`<div class="job"><div class="job-main">
<div class="job-name"><b>${e.name||e.prefix}</b><span
class="state">${t("kind_"+e.kind)}</span></div>
<div class="job-facts"><span><code>${e.key??e.prefix+"…"}</code></span>
<span>${e.scopes.join(", ")}</span>${e.origins.length>0&&s`<span>${e.origins.join(", ")}</span>`}</div>
<div class="job-facts"><span>${t("madeBy",{name:e.created_by,time:h(e.created_at)})}</span>
<span>${e.last_used_at?t("lastUsed",{time:h(e.last_used_at)}):t("neverUsed")}</span>
${e.expires_at&&s`<span>${t("endsAt",{time:h(e.expires_at)})}</span>`}</div></div>
<div class="job-tools">${e.key&&s`<${C} text=${e.key} label=${e.name||e.prefix} kind="iconbtn" />`}
<button class="btn" onClick=${()=>o({key:e,what:"rotate"})}>${t("rotate")}</button>
<button class="btn danger" onClick=${()=>o({key:e,what:"revoke"})}>${t("revoke")}</button></div></div>`}function q({create:e}){let[o,n]=c("publishable");return s`<form class="line-form" onSubmit=${i=>{i.preventDefault();let a=new FormData(i.target),d=String(a.get("name")).trim(),$=String(a.get("origin")??"").trim().replace(/\/+$/,""),m=o==="publishable"?$?{origins:[$]}:{}:{scopes:a.getAll("scope")};e({kind:o,site:b,...d&&{name:d},...m}),i.target.reset(),n("publishable")}}>
<label class="field">${t("kindOfKey")}<select name="kind" value=${o}
onChange=${i=>n(i.target.value)}>
<option value="publishable">${t("kind_publishable")}</option><option value="secret">${t("kind_secret")}</option>
</select></label>
<label class="field">${t("nameOfKey")}<input name="name" maxlength="200" autocomplete="off" /></label>
${o==="publishable"?s`<label class="field">${t("originOfKey")}<input name="origin" type="url"
placeholder="https://" autocomplete="off" /></label>`:s`<${P} chosen=${["ingest"]} />`}
<button class="btn">${t("createKey")}</button></form>`}var P=({chosen:e})=>s`<fieldset class="scopes"><legend>${t("scopes")}</legend>
${z.map(o=>s`<label key=${o} class="check"><input type="checkbox" name="scope" value=${o}
defaultChecked=${e.includes(o)} />${o}</label>`)}</fieldset>`;function L({site:e}){let[o,n]=c(!1),[l,i]=c(null),a=`sites/${encodeURIComponent(b)}`,d=u=>i(y(u)),$=u=>{u.preventDefault();let r=String(new FormData(u.target).get("key")).trim();v("PATCH",a,{key:r}).then(()=>location.assign(`/sites/${encodeURIComponent(r)}/settings`),d)},m=()=>v("DELETE",a).then(()=>location.assign("/"),d);return s`<section class="card pad" aria-label=${t("dangerTitle")}>
<h2 class="card-title">${t("dangerTitle")}</h2><${k} error=${l} />
<form class="line-form" onSubmit=${$}><label class="field">${t("keyOfSite")}<input name="key" required
maxlength="64" autocomplete="off" spellcheck=${!1} value=${e.key} aria-describedby="help-key" /></label>
<button class="btn">${t("renameSite")}</button></form>
<p id="help-key" class="muted">${t("renameText")}${e.aliases.length>0&&" "+t("aliasesText",{names:e.aliases.join(", ")})}</p>
<div class="line-form"><button class="btn danger" onClick=${()=>n(!0)}>${t("deleteSite")}</button></div>
<p class="muted">${t("deleteSiteText")}</p>
${o&&s`<${V} site=${e} remove=${m} close=${()=>n(!1)} />`}
</section>`}function V({site:e,remove:o,close:n}){let[l,i]=c(""),a=d=>{d.preventDefault(),n(),o()};return s`<${K} title=${t("deleteSiteTitle",{name:e.name})} close=${n} isNarrow=${!0}>
<form onSubmit=${a}><div class="ask">${t("deleteSiteText")}</div>
<label class="field">${t("typeKey",{key:e.key})}<input data-focus autocomplete="off" value=${l}
onInput=${d=>i(d.target.value)} /></label>
<div class="dlg-foot"><button type="button" class="btn" onClick=${n}>${t("cancel")}</button>
<button class="btn danger" disabled=${l!==e.key}>${t("deleteSite")}</button></div></form><//>`}await j(()=>import("../chunks/words_settings-LBCEW3GZ.js"),()=>import("../chunks/words_settings_de-MXC5OJUL.js"));var H=[{title:"generalTitle",settings:[{name:"name",kind:"text"},{name:"zone",kind:"zone"},{name:"domains",kind:"lines"},{name:"event_retention_days",kind:"days"}]},{title:"collectTitle",settings:[{name:"public_ingest",kind:"flag"},{name:"allowed_origins",kind:"lines"},{name:"types",kind:["open","strict"]},{name:"event_types",kind:"lines"},{name:"identity",kind:["trust","enforce","override"]}]},{title:"visitorsTitle",settings:[{name:"visitor_window",kind:["day","month","forever"]},{name:"visitor_by",kind:["address_and_agent","address"]}]},{title:"readersTitle",settings:[{name:"public_stats",kind:"flag"},{name:"embed_origins",kind:"lines"}]}],M=({site:e,changed:o})=>H.map(n=>s`<${Y} key=${n.title}
title=${n.title} settings=${n.settings} site=${e} changed=${o} />`);function Y({title:e,settings:o,site:n,changed:l}){let[i,a]=c({}),[d,$]=c(null),[m,u]=c(null),r=Object.keys(i).length>0,p=(f,T)=>v("PATCH",`sites/${encodeURIComponent(b)}`,f).then(E=>{l(E),a({}),$(null),u(T)},E=>$(y(E))),g=f=>{f.preventDefault(),p(i,Object.fromEntries(Object.keys(i).map(T=>[T,n[T]])))},_=(f,T)=>{u(null),a(E=>({...E,[f]:T}))};return s`<section class="card pad" aria-label=${t(e)}>
<h2 class="card-title">${t(e)}</h2>
<form class="settings" onSubmit=${g}>
${o.map(f=>s`<${G} key=${f.name} setting=${f} value=${i[f.name]??n[f.name]}
isCleared=${f.name in i&&i[f.name]===null} set=${_} />`)}
<${k} error=${d} />
${S("admin")&&s`<div class="settings-foot">
<button class="btn primary" disabled=${!r}>${t("save")}</button>
${r&&s`<button type="button" class="btn" onClick=${()=>a({})}>${t("cancel")}</button>`}
<span role="status" class="said">${m&&!r?t("savedSaid"):""}</span>
${m&&!r&&s`<button type="button" class="btn" onClick=${()=>p(m,null)}>${t("undo")}
</button>`}</div>`}
</form></section>`}function G({setting:{name:e,kind:o},value:n,isCleared:l,set:i}){let a=!S("admin"),d="help-"+e,$=r=>i(e,Q(o,r.target)),m=l?"":n,u=s`<span id=${d} class="muted">${t("help_"+e)}</span>`;return o==="flag"?s`<div class="setting"><label class="check"><input type="checkbox" checked=${n} disabled=${a}
aria-describedby=${d} onChange=${$} />${t("set_"+e)}</label>${u}</div>`:s`<div class="setting"><label class="field">${t("set_"+e)}
${Array.isArray(o)?s`<select value=${n} disabled=${a} aria-describedby=${d} onChange=${$}>
${o.map(r=>s`<option key=${r} value=${r}>${t(`${e}_${r}`)}</option>`)}
</select>`:o==="lines"?s`<textarea rows=${Math.min(8,Math.max(2,n.length+1))} disabled=${a}
spellcheck=${!1} aria-describedby=${d} onInput=${$}>${n.join(`
`)}</textarea>`:s`<input type=${o==="days"?"number":"text"} min="1" max="36500" required=${o!=="days"}
disabled=${a} autocomplete="off" spellcheck=${!1} list=${o==="zone"?"zones":void 0}
value=${m??""} aria-describedby=${d} onInput=${$} />`}
</label>${o==="zone"&&s`<datalist id="zones">${J.map(r=>s`<option key=${r} value=${r} />`)}
</datalist>`}${u}</div>`}var J=Intl.supportedValuesOf("timeZone");function Q(e,o){return e==="flag"?o.checked:e==="days"?o.value===""?null:Number(o.value):e==="lines"?o.value.split(`
`).map(n=>n.trim()).filter(Boolean):o.value}var X=[30,365],ee=864e5,U=-1;function B(){let[e,o]=c(null),[n,l]=c(null),[i,a]=c(null),[d,$]=c(null),m=p=>p.then(g=>(l(g?.token?g:null),$(null),I("tokens").then(_=>o(_.tokens.filter(te))))).catch(g=>$(y(g)));x(()=>{m(Promise.resolve(null))},[]);let u=()=>{i&&m(v("DELETE","tokens/"+encodeURIComponent(i.jti))),a(null)},r=e?.filter(A);return s`<section class="card pad" aria-label=${t("tokensTitle")}>
<h2 class="card-title">${t("tokensTitle")}</h2><p class="muted">${t("tokensIntro")}</p>
<${ne} create=${p=>m(v("POST","tokens",p))} />
<${k} error=${d} retry=${()=>m(Promise.resolve(null))} />
${n&&s`<div class="secret" role="status"><span>${t("secretOnce")}</span><code>${n.token}</code>
<${C} text=${n.token??""} label=${n.subject} /></div>`}
${r?r.length?s`<ul class="jobs">${r.map(p=>s`<li key=${p.jti}><${se} token=${p}
ask=${a} /></li>`)}</ul>`:s`<${w} title=${t("noTokens")} />`:s`<div class="skeleton settings-sk"></div>`}
${i&&s`<${D} title=${t("revokeTitle",{name:i.subject})} text=${t("revokeText")} yes=${t("revoke")}
confirm=${u} close=${()=>a(null)} />`}
</section>`}var te=e=>e.sites===null||e.sites.includes(b),se=({token:e,ask:o})=>s`<div class="job"><div class="job-main">
<div class="job-name"><b>${e.subject}</b></div>
<div class="job-facts"><span>${e.scopes.join(", ")}</span><span>${e.sites===null?t("everySite"):e.sites.join(", ")}</span></div>
<div class="job-facts"><span>${t("madeBy",{name:e.issued_by,time:h(e.issued_at)})}</span>
<span>${e.expires_at?t("endsAt",{time:h(e.expires_at)}):t("neverEnds")}</span></div></div>
<div class="job-tools"><button class="btn danger" onClick=${()=>o(e)}>${t("revoke")}</button></div></div>`;function ne({create:e}){return s`<form class="line-form" onSubmit=${n=>{n.preventDefault();let l=new FormData(n.target),i=Number(l.get("days")),a=i===U?{}:{expires_at:i?new Date(Date.now()+i*ee).toISOString():null};e({subject:String(l.get("subject")).trim(),site:b,scopes:l.getAll("scope"),...a}),n.target.reset()}}>
<label class="field">${t("subjectOfToken")}<input name="subject" required maxlength="200" autocomplete="off" /></label>
<label class="field">${t("lifetime")}<select name="days"><option value=${U}>
${t("defaultLifetime")}</option>${X.map(n=>s`<option key=${n} value=${n}>
${t("daysLong",{n})}</option>`)}<option value="0">${t("neverEnds")}</option></select>
</label>
<${P} chosen=${["read"]} /><button class="btn">${t("createToken")}</button></form>`}await j(()=>import("../chunks/words_settings-LBCEW3GZ.js"),()=>import("../chunks/words_settings_de-MXC5OJUL.js"));function oe({pages:e}){let o=O(`sites/${encodeURIComponent(b)}`),[n,l]=c(null);return x(()=>l(o.data),[o.data]),s`<${F} pages=${e} name="settings" title=${t("settings")} intro=${t("settingsIntro")}
isReady=${n!==null}>
<${k} error=${o.error} retry=${o.retry} />
${!S("admin")&&s`<div class="card pad muted">${t("settingsReadOnly")}</div>`}
${n?s`<${M} site=${n} changed=${l} />`:s`<div class="card skeleton settings-sk"></div>`}
${S("admin")&&s`<${R} /><${B} />`}
<${ie} />
${S("admin")&&n&&s`<${L} site=${n} />`}
<//>`}function ie(){let{data:e,error:o,retry:n}=O("me");return s`<section class="card pad" aria-label=${t("whoAmI")}>
<h2 class="card-title">${t("whoAmI")}</h2><${k} error=${o} retry=${n} />
${e?s`<dl class="facts">
<div><dt>${t("nameOfPerson")}</dt><dd>${e.subject}</dd></div>
<div><dt>${t("scopes")}</dt><dd>${e.scopes.join(", ")}</dd></div>
<div><dt>${t("skipSites")}</dt><dd>${e.all_sites?t("everySite"):e.sites.map(l=>l.name).join(", ")}
</dd></div>
<div><dt>${t("sessionEnds")}</dt><dd>${e.expires_at?h(e.expires_at):t("never")}</dd></div></dl>`:s`<div class="skeleton settings-sk"></div>`}
</section>`}export{oe as default};
