import{b as T}from"../chunks/chunk-3FAOWEPM.js";import{Da as C,Ea as n,Ja as P,Ka as h,La as I,N as b,Na as E,W as g,b as m,c as v,d as x,ea as S,g as c,h as u,n as w,wa as _,xa as k,ya as A}from"../chunks/chunk-DVZ2JOGS.js";await C(()=>import("../chunks/words_start-FFXQK7LZ.js"),()=>import("../chunks/words_start_de-AC4J6PSF.js"));var O=5e3,f="pk_…",K=document.documentElement.dataset.name||u,R=Date.now();function L({pages:l}){let{data:e,error:s,retry:i}=E(`sites/${encodeURIComponent(u)}/snippet`),[a,r]=N(e?.script.includes(f)??!1),d=U();return c`<${_} pages=${l} name="start" title=${n("startTitle")} intro=${n("startIntro",{name:K})}
isReady=${e!==null&&d.isKnown}>
<${B} arrival=${d} />
<${k} error=${s} retry=${i} />
${e&&c`<${J} needsKey=${e.script.includes(f)} value=${a} onKey=${r} /><${W}
snippet=${e} value=${a} />`}
<//>`}function N(l){let[e,s]=m("");return v(()=>{!l||!w("admin")||h("keys").then(({keys:i})=>{let a=i.find(r=>r.kind==="publishable"&&r.sites?.includes(u)&&r.key&&!r.revoked_at&&(!r.expires_at||Date.parse(r.expires_at)>Date.now()));a&&s(a.key)},()=>{})},[l]),[e,s]}function U(){let[l,e]=m({isKnown:!1,hadEvents:!1,event:null,isLive:!1,waited:0}),s=x(!1);return v(()=>{let i=0,a=new EventSource(P(`reports/live?site=${encodeURIComponent(u)}&include_bots=true`)),r=o=>{s.current||(s.current=!0,clearInterval(i),a.close(),e(p=>({...p,isKnown:!0,event:o,waited:(Date.now()-R)/1e3})))};a.onopen=()=>e(o=>({...o,isLive:!0})),a.onerror=()=>e(o=>({...o,isLive:!1})),a.addEventListener("event",o=>r(JSON.parse(o.data)));let d=!0,t=()=>h("me").then(o=>{let p=o.sites.find(y=>y.key===u);d?e(y=>({...y,isKnown:!0,hadEvents:!!p?.first_event_at})):p?.first_event_at&&r({type:"",received_at:new Date().toISOString()}),d&&p?.first_event_at&&clearInterval(i),d=!1},()=>{});return i=setInterval(t,O),t(),()=>{clearInterval(i),a.close()}},[]),l}function B({arrival:l}){let{event:e,hadEvents:s,isLive:i}=l,a="/sites/"+encodeURIComponent(u);return e?c`<section class="card wait done" role="status"><span class="wait-mark"><${S} name="check" size="20" />
</span>
<div class="wait-text"><b>${n(s?"nextArrived":"firstArrived")}</b>
<div>${e.type&&c`<code>${e.type}
</code> ${e.path} · `}${n("arrivedAt",{time:g(e.received_at),waited:b(l.waited)})}
</div>
${e.is_bot&&c`<div>${n("arrivedBot")}</div>`}</div>
<a class="btn primary" href=${a}>${n("openOverview")}</a></section>`:c`<section class="card wait" role="status"><span class="wait-mark"><span
class=${i?"pulse":"pulse off"}></span></span>
<div class="wait-text"><b>${n(s?"hasEvents":"waitsFirst",{name:K})}</b>
<div>${n(i?"waitsLive":"waitsSlow")} <${F} /></div></div>
${s&&c`<a class="btn" href=${a}>${n("openOverview")}</a>`}</section>`}function F(){let[,l]=m(0);return v(()=>{let e=setInterval(()=>l(Date.now()),1e3);return()=>clearInterval(e)},[]),c`<span class="num" aria-hidden="true">${b((Date.now()-R)/1e3)}</span>`}function J({needsKey:l,value:e,onKey:s}){let[i,a]=m(null),[r,d]=m(!1),t=`flask key create --publishable --site ${u} --origin https://…`;if(!l)return c`<p class="note-line-text">${n("keyless")}</p>`;if(e)return c`<p class="note-line-text">${n("keyKnown")} <code>${e}</code></p>`;if(!w("admin"))return c`<p
class="note-line-text">${n("keyAsk")} <code>${t}</code></p>`;let o=async p=>{p.preventDefault(),d(!0);let y=String(new FormData(p.target).get("origin")).trim().replace(/\/+$/,"");try{s((await I("POST","keys",{kind:"publishable",site:u,name:y.slice(0,60),origins:[y]})).key)}catch(D){a(A(D)),d(!1)}};return c`<section class="card pad"><h2 class="card-title">${n("keyTitle")}</h2><p class="muted">${n("keyText")}</p>
<form class="line-form" onSubmit=${o}>
<label class="field grow">${n("keyOrigin")}<input name="origin" type="url" required
placeholder="https://shop.example" autocomplete="url" /></label>
<button class="btn primary" disabled=${r}>${n("keyCreate")}</button></form>
<${k} error=${i} /></section>`}var $=[{name:"script",title:"wayScript",text:"wayScriptText"},{name:"npm",title:"wayNpm",text:"wayNpmText"},{name:"react",title:"wayReact",text:"wayReactText"},{name:"curl",title:"wayCurl",text:"wayCurlText"},{name:"python",title:"wayPython",text:"wayPythonText"}];function W({snippet:l,value:e}){let[s,i]=m("script"),a=$.find(t=>t.name===s)??$[0],r=t=>e?t.replaceAll(f,e):t,d=t=>{let o={ArrowRight:1,ArrowLeft:-1}[t.key];if(!o)return;let p=($.indexOf(a)+o+$.length)%$.length;i($[p].name),t.currentTarget.children[p].focus()};return c`<section class="card pad ways" aria-label=${n("install")}>
<div class="tabs"><div class="tabs-in" role="tablist" aria-label=${n("install")} onKeyDown=${d}>
${$.map(t=>c`<button key=${t.name} id=${"way-"+t.name} role="tab" class="tab"
aria-selected=${t.name===s} aria-controls="way"
tabindex=${t.name===s?0:-1} onClick=${()=>i(t.name)}>${n(t.title)}</button>`)}
</div></div>
<div id="way" role="tabpanel" aria-labelledby=${"way-"+s}><p class="muted">${n(a.text)}</p>
${j(s,l).map(({label:t,text:o,note:p})=>c`<div key=${s+t}><div
class="code-head">${t}</div>${p&&c`<p class="muted">${p}</p>`}<${T} text=${r(o)}
label=${t} /></div>`)}</div>
</section>`}function j(l,{script:e,pinned_script:s,noscript:i}){let a=/src="([^"]*)\/sdk\//.exec(e)?.[1]??location.origin,r=e.includes(f)?JSON.stringify(f):"undefined",d=JSON.stringify(u),t=(...o)=>o.join(`
`);switch(l){case"npm":return[{label:n("codeInstall"),text:"npm install ./sdk"},{label:"JavaScript",text:t('import { AnalyticsClient } from "analytics-sdk";',"",`const client = new AnalyticsClient("${a}", ${r}, { site: ${d} });`,"client.page();",'client.track("signup", { plan: "pro" });')}];case"react":return[{label:"React",text:t('import { AnalyticsProvider, useAnalytics, usePageViews } from "analytics-sdk/react";',"",`<AnalyticsProvider apiUrl="${a}" token={${r}} options={{ site: ${d} }}>…</AnalyticsProvider>`,"","// In a component inside it:","const { track } = useAnalytics();","usePageViews(location.pathname);",'return <button onClick={() => track("signup", { plan: "pro" })}>Sign up</button>;')}];case"curl":return[{label:"curl",text:t(`curl -X POST '${a}/api/analytics/ingest?site=${encodeURIComponent(u)}' \\`,'  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\',`  -d '[{"type": "page_view", "path": "/", "user_id": "user-123"}]'`)}];case"python":return[{label:n("codeInstall"),text:t(`flask key create --scope ingest --site ${u} --name backend`,"pip install ./sdk/python")},{label:"Python",text:t("from analytics_client import Client","",`client = Client("${a}", "sk_…", site=${d}, spool_dir="/var/lib/${u}/analytics")`,'client.track("order", {"total": 49.9, "currency": "EUR"}, user_id="ann")',"client.flush(5)")}];default:return[{label:n("codeScript"),text:e},{label:n("codePinned"),text:s,note:n("codePinnedText")},{label:n("codePixel"),text:i,note:n("codePixelText")}]}}export{L as default};
