import{a as Q}from"./chunk-D7HXRDSU.js";import{a as A}from"./chunk-ANQIWG7U.js";import{a as J,b as R,c as W,d as N,e as q,f as E,g as K,h as _,i as j,j as G,k as H,n as D}from"./chunk-LILOKRKL.js";import{e as M}from"./chunk-R6ISBZZL.js";import{A as C,Ea as t,I as L,Ka as x,La as T,b as y,c as w,ca as P,d as S,ea as k,g as u,h as O,n as U,xa as F,ya as B}from"./chunk-DVZ2JOGS.js";var Y=50,z=6,Z=400;function tt({funnel:e,copy:n,state:i,saved:d,cancel:s}){let[c,$,p]=et(e,n),[a,r]=y(null),[m,f]=y(!1),b=G(c),g=async()=>{f(!0),r(null);let h={...b,name:D(c),description:c.description.trim()};try{let l=e?await T("PUT","../v1/funnels/"+e.id,h):await T("POST","../v1/funnels/?site="+encodeURIComponent(O),h);p(),d(l.funnel??l.data)}catch(l){r(B(l)),f(!1)}};return u`<div class="builder">
<section class="card pad" aria-label=${t("stepsTitle")}>
<label class="field">${t("funnelName")}<input maxlength="200" value=${c.name} placeholder=${b?D(c):t("funnelNameHint")}
onInput=${h=>$({name:h.target.value})} /></label>
<h2 class="card-title">${t("stepsTitle")}</h2>
<${st} draft=${c} set=${$} state=${i} />
<${rt} draft=${c} set=${$} />
<${F} error=${a} />
<div class="order-foot">
<span class="muted">${b?"":t("incomplete")}</span><span class="push"></span>
<button class="btn" onClick=${()=>{p(),s()}}>${t("cancel")}</button>
${U("write")?u`<button class="btn primary" disabled=${!b||m} onClick=${g}>${t(e?"saveFunnel":"createFunnel")}</button>`:u`<span class="muted">${t("noWrite")}</span>`}
</div>
</section>
<${ct} definition=${b} state=${i} />
</div>`}function et(e,n){let i=`funnel ${O} ${e?.id??""} ${e?.updated_at??""} ${n?.id??""}`,[d,s]=y(()=>nt(i)??{...q(e??n),...n&&{name:t("copyOf",{name:n.name}).slice(0,200)}});return[d,$=>s(p=>{let a={...p,...$};return V(i,JSON.stringify(a)),a}),()=>V(i,null)]}function nt(e){try{let n=JSON.parse(sessionStorage.getItem(e)??"null");return n&&{...n,steps:n.steps.map(i=>({...i,key:N().key}))}}catch{return null}}function V(e,n){try{n===null?sessionStorage.removeItem(e):sessionStorage.setItem(e,n)}catch{}}function st({draft:e,set:n,state:i}){let d=it(i),s=S(),[c,$]=y(""),p=S(""),{steps:a}=e,r=S(a);r.current=a,w(()=>{let l=p.current&&s.current.querySelector(p.current);p.current="",l&&l.focus()},[a]);let m=(l,o)=>n({steps:a.map((v,I)=>I===l?{...v,...o}:v)}),f=(l,o)=>{n({steps:H(r.current,l,o)}),$(t("movedTo",{n:o+1,all:a.length}))},b=(l,o)=>{let v=o<l?o?"up":"down":o<a.length-1?"down":"up";p.current=`[data-step="${a[l].key}"] [data-do="${v}"]`,f(l,o)},g=()=>{let l=N(a[a.length-1]?.type);p.current=`[data-step="${l.key}"] input`,n({steps:[...a,l]})},h=l=>{p.current=`[data-step="${(a[l+1]??a[l-1]).key}"] input`,n({steps:a.toSpliced(l,1)})};return u`<ol class="bsteps" ref=${s}>${a.map((l,o)=>u`<${ot} key=${l.key} step=${l} index=${o}
count=${a.length} known=${d} state=${i} change=${v=>m(o,v)}
press=${v=>b(o,v)} remove=${()=>h(o)}
drag=${()=>at(s.current,()=>r.current.findIndex(v=>v.key===l.key),f)} />`)}</ol>
<div class="vh" role="status">${c}</div>
${a.length<R&&u`<button class="btn" onClick=${g}><${k} name="plus" />${t("addStep")}</button>`}
${["path","type"].map(l=>u`<datalist id=${"known-"+l} key=${l}>
${d[l].map(o=>u`<option key=${o} value=${o}></option>`)}</datalist>`)}`}function at(e,n,i){let d=c=>{let $=n(),a=[...e.children].map(r=>r.getBoundingClientRect()).map(r=>r.top+r.height/2).filter((r,m)=>m!==$&&r<c.clientY).length;a!==$&&i($,a)},s=()=>{removeEventListener("pointermove",d),removeEventListener("pointerup",s),removeEventListener("pointercancel",s)};addEventListener("pointermove",d),addEventListener("pointerup",s),addEventListener("pointercancel",s)}function ot({step:e,index:n,count:i,known:d,state:s,change:c,press:$,remove:p,drag:a}){let r=e.type==="page",{condition:m}=e,f=r?E(m):K(m),b=o=>c({condition:r?_(m,o):j(m,o)}),g=o=>o!==e.type&&c({type:o,condition:m.filter?{filter:m.filter}:{}}),h=n+1,l=(o,v,I,X)=>u`<button class="iconbtn" data-do=${o} aria-label=${t(v,{n:h})} title=${t(v,{n:h})} disabled=${I} onClick=${X}>
<${k} name=${o} /></button>`;return u`<li class="bstep" data-step=${e.key}>
<div class="bstep-top">
${i>1&&u`<span class="grip" onPointerDown=${o=>{o.preventDefault(),a()}}><${k} name="grip" /></span>`}
<span class="fstep-no">${h}</span>
<span class="seg" role="group" aria-label=${t("kindOfStep",{n:h})}>
<button aria-pressed=${r} onClick=${()=>g("page")}>${t("pageView")}</button>
<button aria-pressed=${!r} onClick=${()=>g("event")}>${t("eventWord")}</button></span>
<span class="grow"></span>
${l("up","moveUp",n===0,()=>$(n-1))}${l("down","moveDown",n===i-1,()=>$(n+1))}
${l("trash","removeStep",i<=J,p)}
</div>
<label class="field">${t(r?"pathField":"eventField")}<input value=${f} autocomplete="off" maxlength="1024"
list=${r?"known-path":"known-type"} placeholder=${r?"/pricing":"signup"}
onInput=${o=>b(o.target.value)} /></label>
${!f&&u`<${lt} values=${r?d.path:d.type} choose=${b} />`}
${r&&f.includes("*")&&u`<p class="muted hint">${t("starHint")}</p>`}
<details class="more-fields" open=${!!(e.name||m.filter||!r&&E(m))}>
<summary>${t("moreOfStep")}</summary>
<label class="field">${t("stepName")}<input maxlength="200" value=${e.name} onInput=${o=>c({name:o.target.value})} /></label>
${!r&&u`<label class="field">${t("onPage")}<input value=${E(m)} list="known-path" autocomplete="off" maxlength="1024" placeholder="/checkout/*"
onInput=${o=>c({condition:_(m,o.target.value)})} /></label>`}
<${A} state=${{...s,filter:m.filter??""}} isOfEvents=${!0}
change=${o=>c({condition:{...m,filter:o}})} />
</details>
</li>`}function lt({values:e,choose:n}){return e.length?u`<div class="picks" role="group" aria-label=${t("often")}><span class="muted">${t("often")}</span>
${e.slice(0,z).map(i=>u`<button key=${i} class="pick" title=${i} onClick=${()=>n(i)}>${i}</button>`)}</div>`:null}function rt({draft:e,set:n}){let i=Object.entries(W).map(([s,c])=>({seconds:c,text:t(s)}));e.unit===1&&i.unshift({seconds:1,text:t("seconds")});let d=(s,c,$)=>u`<label class="field">${t(c)}<select value=${e[s]}
onChange=${p=>n({[s]:p.target.value})}>
${$.map(p=>u`<option key=${p} value=${p}>${t(`${s}_${p}`)}</option>`)}</select></label>`;return u`<h2 class="card-title">${t("rulesTitle")}</h2><div class="fields">
${d("scope","countField",["user","visit"])}
${d("ordering","orderField",["ordered","strict"])}
<div class="pair"><label class="field">${t("windowField")}<input type="number" min="1" max="527040" value=${e.window}
onInput=${s=>n({window:s.target.value})} /></label>
<label class="field"><span class="vh">${t("windowUnit")}</span><select value=${String(e.unit)}
onChange=${s=>n({unit:Number(s.target.value)})}>
${i.map(s=>u`<option key=${s.seconds} value=${String(s.seconds)}>${s.text}</option>`)}</select></label></div>
<label class="field">${t("valueField")}<input maxlength="200" value=${e.value} placeholder="total"
onInput=${s=>n({value:s.target.value})} /></label>
</div>
<p class="muted hint">${t(e.ordering==="strict"?"strictText":"orderedText")}</p>
<label class="field">${t("description")}<input maxlength="2000" value=${e.description} onInput=${s=>n({description:s.target.value})} /></label>`}function it(e){let[n,i]=y({path:[],type:[]}),d=C(e,"").toString();return w(()=>{let s=new AbortController,c=$=>x(`reports/breakdown?${d}&dimension=${$}&limit=${Y}`,s.signal).then(p=>i(a=>({...a,[$]:p.rows.flatMap(r=>r.value&&r.value!=="page_view"?r.value:[])})),()=>{});return c("path"),c("type"),()=>s.abort()},[d]),n}function ct({definition:e,state:n}){let[i,d]=y({data:null,error:null,isBusy:!1}),[s,c]=y(0),$=e&&JSON.stringify(e),p=C(n).toString();w(()=>{if(!$)return d({data:null,error:null,isBusy:!1});let f=!0;d(g=>({...g,isBusy:!0}));let b=setTimeout(()=>T("POST","reports/funnel?"+p,JSON.parse($)).then(g=>f&&d({data:g,error:null,isBusy:!1}),g=>f&&d({data:null,error:B(g),isBusy:!1})),Z);return()=>{f=!1,clearTimeout(b)}},[$,p,s]);let{data:a,error:r,isBusy:m}=i;return u`<section class=${"card pad preview-card"+(m?" busy":"")} aria-label=${t("previewTitle")} aria-busy=${m}>
<h2 class="card-title">${t("previewTitle")} <span class="muted">${M(n)}</span></h2>
<${F} error=${r} retry=${()=>c(s+1)} />
${!a&&!r&&($?u`<div class="skeleton preview-sk"></div>`:u`<${P} title=${t("previewWaits")}>${t("incomplete")}<//>`)}
${a&&u`<p class="preview-rate num" role="status"><b>${L(a.conversion_rate)}</b> ${t("ofStarts",{n:a.total_conversions,all:a.total_starts})}</p>
${a.total_starts?u`<${Q} rows=${a.step_analytics} definition=${a.definition} />`:u`<${P} title=${t("noStarts")}>${t("noStartsText")}<//>`}`}
</section>`}export{tt as default};
