import{b as k}from"./chunk-3FAOWEPM.js";import{b as _}from"./chunk-CQVKA6D7.js";import{Ca as x,Da as A,Ea as e,Ka as f,La as $,b as m,c as w,g as l,h as b,j as S,xa as T,ya as E}from"./chunk-DVZ2JOGS.js";await A(()=>import("./words_share-VIXAF7AC.js"),()=>import("./words_share_de-YNLSJPOH.js"));var v="sites/"+encodeURIComponent(b),h=v+"/share-links",R=864e5,j=[0,7,30,90,365],P=1900;await new Promise(t=>{let a=document.createElement("link");Object.assign(a,{rel:"stylesheet",href:S+"pages.css",onload:t,onerror:t}),document.head.append(a)});function L({close:t}){let{links:a,settings:i,failed:r,act:s}=N(),[n,o]=m(null),d=(c,y)=>s("links",async()=>{let O=y?{expires_at:new Date(Date.now()+y*R).toISOString()}:{};o(await $("POST",h,{...c&&{label:c},...O}))}),p=c=>s("links",async()=>{await $("DELETE",`${h}/${c.id}`),c.id===n?.id&&o(null)}),I=c=>s("frames",()=>$("PATCH",v,{embed_origins:c})),g=c=>l`<${T} error=${r?.place===c?r.error:null} />`;return l`<${_} title=${e("shareTitle")} close=${t}><div class="sharing">
<p class="muted">${e("shareIntro")}</p>
<${H} create=${d} />
${g("links")}
${n&&l`<${C} key=${n.id} path=${"/share/"+n.token} isNew=${!0} />`}
${a?l`<${U} links=${a} revoke=${p} />`:!r&&l`<div class="skeleton preview-sk"></div>`}
${i?.public_stats&&l`<h3>${e("sharePublic")}</h3><p class="muted">${e("sharePublicText")}</p>
<${C} path=${"/public/"+encodeURIComponent(b)} />`}
${i&&l`<${M} origins=${i.embed_origins} allow=${I}>${g("frames")}<//>`}
</div><//>`}function N(){let[t,a]=m({links:null,settings:null,failed:null}),i=async()=>{let[{share_links:s},n]=await Promise.all([f(h),f(v)]);a(o=>({...o,links:s,settings:n}))},r=async(s,n)=>{try{return await n(),await i(),a(o=>({...o,failed:null})),!0}catch(o){return a(d=>({...d,failed:{place:s,error:E(o)}})),!1}};return w(()=>{r("links",async()=>{})},[]),{...t,act:r}}function H({create:t}){let[a,i]=m(!1);return l`<form class="line-form" onSubmit=${async s=>{s.preventDefault();let n=s.target;i(!0),await t(n.elements.label.value.trim(),Number(n.elements.days.value))&&n.reset(),i(!1)}}>
<label class="field">${e("linkName")}<input name="label" maxlength="200" placeholder=${e("linkNameHint")} data-focus />
</label>
<label class="field ends">${e("linkEnds")}<select name="days">${j.map(s=>l`<option key=${s}
value=${s}>${s?e("linkAfter",{n:s}):e("never")}</option>`)}</select></label>
<button class="btn primary" disabled=${a}>${e("linkCreate")}</button>
</form>`}function C({path:t,isNew:a}){let i=`<iframe src="${location.origin}/embed${t}" title="${e("shareFrame")}" width="100%" height="${P}" loading="lazy" frameborder="0"></iframe>`;return l`<div class="made" role=${a?"status":void 0}>
${a&&l`<p><b>${e("linkMade")}</b> ${e("linkOnce")}</p>`}
<${k} text=${location.origin+t} label=${e("shareAddress")} />
<details><summary>${e("shareCode")}</summary><${k} text=${i} label=${e("shareCode")} /></details>
</div>`}function U({links:t,revoke:a}){let i=Date.now(),r=n=>n.revoked_at!==null||n.expires_at!==null&&Date.parse(n.expires_at)<=i,s=t.filter(r);return l`<ul class="jobs links" aria-label=${e("shareTitle")}>
${t.length===s.length&&l`<li class="none">${e("linksNone")}</li>`}
${t.filter(n=>!r(n)).map(n=>l`<${D} key=${n.id} link=${n} revoke=${a} />`)}
</ul>
${s.length>0&&l`<details><summary>${e("linksOver",{n:s.length})}</summary>
<ul class="jobs links">${s.map(n=>l`<${D} key=${n.id} link=${n} />`)}</ul></details>`}`}function D({link:t,revoke:a}){let[i,r]=m(!1),s=t.label||e("linkNameless"),{revoked_at:n,expires_at:o,last_used_at:d}=t,p=n?e("linkRevoked",{day:u(n)}):o?e(a?"linkUntil":"linkEnded",{day:u(o)}):e("linkNever");return l`<li class="job">
<div class="job-main">
<div class="job-name"><b>${s}</b><code>${t.prefix}…</code></div>
<div class="job-facts"><span>${e("linkCreated",{day:u(t.created_at)})}</span><span>${p}</span>
<span>${d?e("linkUsed",{day:u(d)}):e("linkUnused")}</span></div>
</div>
${a&&l`<div class="job-tools" role="group" aria-label=${s}>${i?l`<span class="muted">${e("linkRevokeText")}</span>
<button class="btn" onClick=${()=>r(!1)}>${e("linkKeep")}</button>
<button class="btn danger" onClick=${()=>a(t)}>${e("linkRevoke")}</button>`:l`<button class="btn" aria-label=${`${e("linkRevoke")}: ${s}`} onClick=${()=>r(!0)}>
${e("linkRevoke")}</button>`}</div>`}
</li>`}var F=new Intl.DateTimeFormat(x,{dateStyle:"medium"}),u=t=>F.format(Date.parse(t));function M({origins:t,allow:a,children:i}){let r=async s=>{s.preventDefault();let n=s.target,o=B(n.elements.origin.value.trim());await a([...new Set([...t,o])])&&n.reset()};return l`<h3>${e("embedTitle")}</h3>
<p class="muted">${e("embedText")}</p>
<div class="values">${t.length?t.map(s=>l`<span class="chip" key=${s}><span
class="lbl">${s}</span><button class="text-btn" aria-label=${e("remove",{value:s})}
onClick=${()=>a(t.filter(n=>n!==s))}>×</button></span>`):l`<span
class="none">${e("embedNone")}</span>`}</div>
<form class="line-form" onSubmit=${r}>
<label class="field">${e("embedOrigin")}<input name="origin" required inputmode="url"
placeholder="https://intranet.example" /></label>
<button class="btn">${e("embedAllow")}</button>
</form>
${i}`}function B(t){try{let{origin:a}=new URL(t);return a==="null"?t:a}catch{return t}}export{L as default};
