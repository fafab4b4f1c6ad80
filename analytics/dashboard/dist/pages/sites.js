import{b,d as k}from"../chunks/chunk-R6ISBZZL.js";import{E as o,Ea as a,F as $,Ia as u,Na as f,b as l,c,g as e,ga as m,ka as p,la as v}from"../chunks/chunk-DVZ2JOGS.js";function S(){let[s,i]=l(!1),{data:t,isBusy:d,error:r,retry:h}=f(u);return c(()=>{t&&!d&&requestAnimationFrame(()=>document.documentElement.dataset.drawn="sites")},[t,d]),e`<${m} current="sites" isOpen=${s} close=${()=>i(!1)} />
<main id="main" class="main" tabindex="-1" inert=${s}>
<div class="head"><${v} open=${()=>i(!0)} /><h1 class="title">${a("skipSites")}</h1></div>
${r&&e`<div class="card alert" role="alert"><div><b>${a(r.status?"problem":"offline")}</b>
<div>${r.message}</div></div>
<button class="btn" onClick=${h}>${a("tryAgain")}</button></div>`}
${t&&!t.sites.length&&e`<div class="card empty"><b>${a("noSites")}</b>
<div>${a("noSitesText")}</div></div>`}
<div class="sites">
${t?.sites.map(n=>e`<${y} key=${n.key} site=${n} />`)}
${!t&&[1,2,3].map(n=>e`<div key=${n} class="card site-card"><div class="skeleton site-sk"></div></div>`)}
</div>
</main>`}function y({site:s}){let i="/sites/"+encodeURIComponent(s.key)+(s.first_event_at?"":"/start");return e`<a class="card site-card" href=${i}>
<div class="card-head"><${p} name=${s.name} /><b>${s.name}</b>
<span class="live"><span class=${s.online?"pulse":"pulse off"}></span><b class="num">${o(s.online)}</b>
<span class="vh">${a("online",{},s.online)}</span></span></div>
<${k} values=${s.spark} />
<div class="card-foot">
<span class="kpi-value" title=${o(s.visitors)}>${$(s.visitors)}</span>
${s.change?.visitors!=null&&e`<${b} change=${s.change.visitors} good=${1} />`}
<span class="kpi-label">${s.first_event_at?`${a("visitors")}, ${a("28d")}`:a("emptySite")}</span></div>
</a>`}export{S as default};
