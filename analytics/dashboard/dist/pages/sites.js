import{b as v}from"../chunks/chunk-S3PF2VY3.js";import{b as k}from"../chunks/chunk-GMKWF43A.js";import{A as $,Da as u,F as m,Ga as f,Ha as b,J as o,K as p,Pa as a,b as l,c,g as e}from"../chunks/chunk-QY3K5IEE.js";function S(){let[s,i]=l(!1),{data:t,isBusy:d,error:r,retry:h}=m($);return c(()=>{t&&!d&&requestAnimationFrame(()=>document.documentElement.dataset.drawn="sites")},[t,d]),e`<${u} current="sites" isOpen=${s} close=${()=>i(!1)} />
    <main id="main" class="main" tabindex="-1" inert=${s}>
      <div class="head"><${b} open=${()=>i(!0)} /><h1 class="title">${a("skipSites")}</h1></div>
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
    <div class="card-head"><${f} name=${s.name} /><b>${s.name}</b>
      <span class="live"><span class=${s.online?"pulse":"pulse off"}></span><b class="num">${o(s.online)}</b>
        <span class="vh">${a("online",{},s.online)}</span></span></div>
    <${k} values=${s.spark} />
    <div class="card-foot">
      <span class="kpi-value" title=${o(s.visitors)}>${p(s.visitors)}</span>
      ${s.change?.visitors!=null&&e`<${v} change=${s.change.visitors} good=${1} />`}
      <span class="kpi-label">${s.first_event_at?`${a("visitors")}, ${a("28d")}`:a("emptySite")}</span></div>
  </a>`}export{S as default};
