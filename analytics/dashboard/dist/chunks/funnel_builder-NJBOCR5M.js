import{a as Q}from"./chunk-H4VDH6S2.js";import{a as G,b as H}from"./chunk-ZORWHNC5.js";import{a as M,b as A,c as J,d as N,e as R,f as E,g as W,h as _,i as q,j as K,k as j,n as D}from"./chunk-T5IHVVUU.js";import{Aa as P,C as L,D as k,Ka as F,La as B,Oa as e,b as y,c as w,d as S,fa as T,g as u,h as O,ka as x,m as U,v as C}from"./chunk-5WGAML6X.js";var Y=50,z=6,Z=400;function ee({funnel:t,copy:n,state:i,saved:d,cancel:s}){let[c,$,p]=te(t,n),[a,r]=y(null),[m,f]=y(!1),b=K(c),g=async()=>{f(!0),r(null);let h={...b,name:D(c),description:c.description.trim()};try{let l=t?await k("PUT","../v1/funnels/"+t.id,h):await k("POST","../v1/funnels/?site="+encodeURIComponent(O),h);p(),d(l.funnel??l.data)}catch(l){r(B(l)),f(!1)}};return u`<div class="builder">
    <section class="card pad" aria-label=${e("stepsTitle")}>
      <label class="field">${e("funnelName")}<input maxlength="200" value=${c.name} placeholder=${b?D(c):e("funnelNameHint")}
        onInput=${h=>$({name:h.target.value})} /></label>
      <h2 class="card-title">${e("stepsTitle")}</h2>
      <${se} draft=${c} set=${$} state=${i} />
      <${re} draft=${c} set=${$} />
      <${F} error=${a} />
      <div class="order-foot">
        <span class="muted">${b?"":e("incomplete")}</span><span class="push"></span>
        <button class="btn" onClick=${()=>{p(),s()}}>${e("cancel")}</button>
        ${U("write")?u`<button class="btn primary" disabled=${!b||m} onClick=${g}>${e(t?"saveFunnel":"createFunnel")}</button>`:u`<span class="muted">${e("noWrite")}</span>`}
      </div>
    </section>
    <${ce} definition=${b} state=${i} />
  </div>`}function te(t,n){let i=`funnel ${O} ${t?.id??""} ${t?.updated_at??""} ${n?.id??""}`,[d,s]=y(()=>ne(i)??{...R(t??n),...n&&{name:e("copyOf",{name:n.name}).slice(0,200)}});return[d,$=>s(p=>{let a={...p,...$};return V(i,JSON.stringify(a)),a}),()=>V(i,null)]}function ne(t){try{let n=JSON.parse(sessionStorage.getItem(t)??"null");return n&&{...n,steps:n.steps.map(i=>({...i,key:N().key}))}}catch{return null}}function V(t,n){try{n===null?sessionStorage.removeItem(t):sessionStorage.setItem(t,n)}catch{}}function se({draft:t,set:n,state:i}){let d=ie(i),s=S(),[c,$]=y(""),p=S(""),{steps:a}=t,r=S(a);r.current=a,w(()=>{let l=p.current&&s.current.querySelector(p.current);p.current="",l&&l.focus()},[a]);let m=(l,o)=>n({steps:a.map((v,I)=>I===l?{...v,...o}:v)}),f=(l,o)=>{n({steps:j(r.current,l,o)}),$(e("movedTo",{n:o+1,all:a.length}))},b=(l,o)=>{let v=o<l?o?"up":"down":o<a.length-1?"down":"up";p.current=`[data-step="${a[l].key}"] [data-do="${v}"]`,f(l,o)},g=()=>{let l=N(a[a.length-1]?.type);p.current=`[data-step="${l.key}"] input`,n({steps:[...a,l]})},h=l=>{p.current=`[data-step="${(a[l+1]??a[l-1]).key}"] input`,n({steps:a.toSpliced(l,1)})};return u`<ol class="bsteps" ref=${s}>${a.map((l,o)=>u`<${oe} key=${l.key} step=${l} index=${o}
      count=${a.length} known=${d} state=${i} change=${v=>m(o,v)}
      press=${v=>b(o,v)} remove=${()=>h(o)}
      drag=${()=>ae(s.current,()=>r.current.findIndex(v=>v.key===l.key),f)} />`)}</ol>
    <div class="vh" role="status">${c}</div>
    ${a.length<A&&u`<button class="btn" onClick=${g}><${T} name="plus" />${e("addStep")}</button>`}
    ${["path","type"].map(l=>u`<datalist id=${"known-"+l} key=${l}>
      ${d[l].map(o=>u`<option key=${o} value=${o}></option>`)}</datalist>`)}`}function ae(t,n,i){let d=c=>{let $=n(),a=[...t.children].map(r=>r.getBoundingClientRect()).map(r=>r.top+r.height/2).filter((r,m)=>m!==$&&r<c.clientY).length;a!==$&&i($,a)},s=()=>{removeEventListener("pointermove",d),removeEventListener("pointerup",s),removeEventListener("pointercancel",s)};addEventListener("pointermove",d),addEventListener("pointerup",s),addEventListener("pointercancel",s)}function oe({step:t,index:n,count:i,known:d,state:s,change:c,press:$,remove:p,drag:a}){let r=t.type==="page",{condition:m}=t,f=r?E(m):W(m),b=o=>c({condition:r?_(m,o):q(m,o)}),g=o=>o!==t.type&&c({type:o,condition:m.filter?{filter:m.filter}:{}}),h=n+1,l=(o,v,I,X)=>u`<button class="iconbtn" data-do=${o} aria-label=${e(v,{n:h})} title=${e(v,{n:h})} disabled=${I} onClick=${X}>
      <${T} name=${o} /></button>`;return u`<li class="bstep" data-step=${t.key}>
    <div class="bstep-top">
      ${i>1&&u`<span class="grip" onPointerDown=${o=>{o.preventDefault(),a()}}><${T} name="grip" /></span>`}
      <span class="fstep-no">${h}</span>
      <span class="seg" role="group" aria-label=${e("kindOfStep",{n:h})}>
        <button aria-pressed=${r} onClick=${()=>g("page")}>${e("pageView")}</button>
        <button aria-pressed=${!r} onClick=${()=>g("event")}>${e("eventWord")}</button></span>
      <span class="grow"></span>
      ${l("up","moveUp",n===0,()=>$(n-1))}${l("down","moveDown",n===i-1,()=>$(n+1))}
      ${l("trash","removeStep",i<=M,p)}
    </div>
    <label class="field">${e(r?"pathField":"eventField")}<input value=${f} autocomplete="off" maxlength="1024"
      list=${r?"known-path":"known-type"} placeholder=${r?"/pricing":"signup"}
      onInput=${o=>b(o.target.value)} /></label>
    ${!f&&u`<${le} values=${r?d.path:d.type} choose=${b} />`}
    ${r&&f.includes("*")&&u`<p class="muted hint">${e("starHint")}</p>`}
    <details class="more-fields" open=${!!(t.name||m.filter||!r&&E(m))}>
      <summary>${e("moreOfStep")}</summary>
      <label class="field">${e("stepName")}<input maxlength="200" value=${t.name} onInput=${o=>c({name:o.target.value})} /></label>
      ${!r&&u`<label class="field">${e("onPage")}<input value=${E(m)} list="known-path" autocomplete="off" maxlength="1024" placeholder="/checkout/*"
        onInput=${o=>c({condition:_(m,o.target.value)})} /></label>`}
      <${Q} state=${{...s,filter:m.filter??""}} isOfEvents=${!0}
        change=${o=>c({condition:{...m,filter:o}})} />
    </details>
  </li>`}function le({values:t,choose:n}){return t.length?u`<div class="picks" role="group" aria-label=${e("often")}><span class="muted">${e("often")}</span>
    ${t.slice(0,z).map(i=>u`<button key=${i} class="pick" title=${i} onClick=${()=>n(i)}>${i}</button>`)}</div>`:null}function re({draft:t,set:n}){let i=Object.entries(J).map(([s,c])=>({seconds:c,text:e(s)}));t.unit===1&&i.unshift({seconds:1,text:e("seconds")});let d=(s,c,$)=>u`<label class="field">${e(c)}<select value=${t[s]}
    onChange=${p=>n({[s]:p.target.value})}>
    ${$.map(p=>u`<option key=${p} value=${p}>${e(`${s}_${p}`)}</option>`)}</select></label>`;return u`<h2 class="card-title">${e("rulesTitle")}</h2><div class="fields">
      ${d("scope","countField",["user","visit"])}
      ${d("ordering","orderField",["ordered","strict"])}
      <div class="pair"><label class="field">${e("windowField")}<input type="number" min="1" max="527040" value=${t.window}
          onInput=${s=>n({window:s.target.value})} /></label>
        <label class="field"><span class="vh">${e("windowUnit")}</span><select value=${String(t.unit)}
          onChange=${s=>n({unit:Number(s.target.value)})}>
          ${i.map(s=>u`<option key=${s.seconds} value=${String(s.seconds)}>${s.text}</option>`)}</select></label></div>
      <label class="field">${e("valueField")}<input maxlength="200" value=${t.value} placeholder="total"
        onInput=${s=>n({value:s.target.value})} /></label>
    </div>
    <p class="muted hint">${e(t.ordering==="strict"?"strictText":"orderedText")}</p>
    <label class="field">${e("description")}<input maxlength="2000" value=${t.description} onInput=${s=>n({description:s.target.value})} /></label>`}function ie(t){let[n,i]=y({path:[],type:[]}),d=C(t,"").toString();return w(()=>{let s=new AbortController,c=$=>L(`reports/breakdown?${d}&dimension=${$}&limit=${Y}`,s.signal).then(p=>i(a=>({...a,[$]:p.rows.flatMap(r=>r.value&&r.value!=="page_view"?r.value:[])})),()=>{});return c("path"),c("type"),()=>s.abort()},[d]),n}function ce({definition:t,state:n}){let[i,d]=y({data:null,error:null,isBusy:!1}),[s,c]=y(0),$=t&&JSON.stringify(t),p=C(n).toString();w(()=>{if(!$)return d({data:null,error:null,isBusy:!1});let f=!0;d(g=>({...g,isBusy:!0}));let b=setTimeout(()=>k("POST","reports/funnel?"+p,JSON.parse($)).then(g=>f&&d({data:g,error:null,isBusy:!1}),g=>f&&d({data:null,error:B(g),isBusy:!1})),Z);return()=>{f=!1,clearTimeout(b)}},[$,p,s]);let{data:a,error:r,isBusy:m}=i;return u`<section class=${"card pad preview-card"+(m?" busy":"")} aria-label=${e("previewTitle")} aria-busy=${m}>
    <h2 class="card-title">${e("previewTitle")} <span class="muted">${x(n)}</span></h2>
    <${F} error=${r} retry=${()=>c(s+1)} />
    ${!a&&!r&&($?u`<div class="skeleton preview-sk"></div>`:u`<${P} title=${e("previewWaits")}>${e("incomplete")}<//>`)}
    ${a&&u`<p class="preview-rate num" role="status"><b>${G(a.conversion_rate)}</b> ${e("ofStarts",{n:a.total_conversions,all:a.total_starts})}</p>
      ${a.total_starts?u`<${H} rows=${a.step_analytics} definition=${a.definition} />`:u`<${P} title=${e("noStarts")}>${e("noStartsText")}<//>`}`}
  </section>`}export{ee as default};
