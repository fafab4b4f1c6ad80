import{L as A,b as l,c as d,e as m,h as a,ia as D,ja as E,ka as H,l as w,ma as L,na as P,pa as x,ra as p,s as S,ta as C}from"./chunk-5D7LDSM5.js";var F=document.documentElement;C(await(x==="de"?import("./words_pages_de-4F5MIIO3.js").then(e=>e.de):import("./words_pages-3UV2JXJS.js").then(e=>e.en)));function z({pages:e,name:t,title:n,intro:s,tools:o,back:r,isReady:i,setPeriod:u,children:O}){let[f,$]=l(!1),[g,h]=l(!1),v=A(g,()=>import("./help-4BCRIFLH.js")),b=()=>h(!0);return j(t,i),B(i,c=>c==="?"?b:M(c,e)??T(c,u)),a`<${D} pages=${e} current=${t} isOpen=${f} close=${()=>$(!1)}
    openHelp=${b} />
    <main id="main" class="main" tabindex="-1" inert=${f}>
      <div class="head"><${L} open=${()=>$(!0)} /><${H} /><span class="push">
        </span>${o}</div>
      <div class="page-head">${r}<h1 class="page-title">${n}</h1>${s&&a`<p class="page-intro">${s}</p>`}
        </div>
      ${O}
    </main>
    ${g&&v&&a`<${v.default} pages=${e} hasPeriods=${!!u}
      close=${()=>h(!1)} />`}`}function j(e,t){d(()=>{if(!t)return;let n=requestAnimationFrame(()=>setTimeout(()=>F.dataset.drawn=e));return()=>{cancelAnimationFrame(n),delete F.dataset.drawn}},[t])}function B(e,t){let n=m(t);n.current=t;let s=m(!1);s.current||=e,d(()=>{if(!s.current)return;let o=()=>{},r=!1;return Promise.resolve(P).then(i=>{r||(o=i.listen(u=>n.current(u)))},()=>{}),()=>{r=!0,o()}},[s.current])}function M(e,t){if(e==="g s"&&!w)return()=>location.assign("/");let n=t.find(s=>"g "+s.key.toLowerCase()===e);return n&&(()=>location.assign(E(n)))}function T(e,t){let n=t&&S.find(s=>s.key.toLowerCase()===e);return n&&(()=>t(n.name))}function G({error:e,retry:t}){return e?a`<div class="card alert" role="alert">
    <div>${e.status?e.message:a`<b>${p("offline")}</b><div>${e.message}</div>`}</div>
    ${t&&a`<button class="btn" onClick=${t}>${p("tryAgain")}</button>`}
  </div>`:null}var I=e=>e.status?e:{message:navigator.onLine?String(e.message):""};export{z as a,G as b,I as c};
