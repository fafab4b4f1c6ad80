import{b as l,c as r,da as m,ea as c,fa as f,h as a,ha as p,ia as g,ka as $,ma as d,oa as v}from"./chunk-JKRTTABF.js";var b=document.documentElement;v(await($==="de"?import("./words_pages_de-DMLKUAPL.js").then(e=>e.de):import("./words_pages-5EQBPIIB.js").then(e=>e.en)));function P({pages:e,name:t,title:n,intro:s,tools:o,isReady:i,children:h}){let[w,u]=l(!1);return x(t,i),A(e,i),a`<${m} pages=${e} current=${t} isOpen=${w} close=${()=>u(!1)} />
    <main id="main" class="main" tabindex="-1">
      <div class="head"><${p} open=${()=>u(!0)} /><${f} /><span class="push">
        </span>${o}</div>
      <div class="page-head"><h1 class="page-title">${n}</h1>${s&&a`<p class="page-intro">${s}</p>`}
        </div>
      ${h}
    </main>`}function x(e,t){r(()=>{if(!t)return;let n=requestAnimationFrame(()=>setTimeout(()=>b.dataset.drawn=e));return()=>{cancelAnimationFrame(n),delete b.dataset.drawn}},[t])}function A(e,t){r(()=>{if(!t)return;let n=()=>{},s=!1;return Promise.resolve(g).then(o=>{s||(n=o.listen(i=>D(i,e)))},()=>{}),()=>{s=!0,n()}},[t])}function D(e,t){if(e==="g s")return()=>location.assign("/");let n=t.find(s=>"g "+s.key.toLowerCase()===e);return n&&(()=>location.assign(c(n)))}function j({error:e,retry:t}){return e?a`<div class="card alert" role="alert">
    <div>${e.status?e.message:a`<b>${d("offline")}</b><div>${e.message}</div>`}</div>
    ${t&&a`<button class="btn" onClick=${t}>${d("tryAgain")}</button>`}
  </div>`:null}var C=e=>e.status?e:{message:navigator.onLine?String(e.message):""};export{P as a,j as b,C as c};
