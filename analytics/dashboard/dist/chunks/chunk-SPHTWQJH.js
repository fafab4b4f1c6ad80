import{a as K,f as k,g as z}from"./chunk-R6ISBZZL.js";import{Ea as c,N as F,Pa as v,S as L,W as S,b as h,c as C,f as b,g as o,p as g,q as w,u as x,ua as M,v as E,va as O,wa as R}from"./chunk-DVZ2JOGS.js";function B(n,e,m=location.pathname){let l=new URLSearchParams(E(n).split("?")[1]);Object.entries(e).forEach(([r,s])=>s?l.set(r,s):l.delete(r));let a=l.toString();return m+(a?"?"+a:"")}function N(n){let e=()=>{let i=new URLSearchParams(location.search);return{state:x(location.search),params:Object.fromEntries(n.map(t=>[t,i.get(t)??""]))}},[m,l]=h(e);C(()=>{let i=()=>l(e());return addEventListener("popstate",i),()=>removeEventListener("popstate",i)},[]);let a=(i,t,u)=>{history[u?"replaceState":"pushState"](null,"",B(i,t)),l(e())},r=b((i,t=!1)=>{let u=e();a({...u.state,...i},u.params,t)},[]),s=b((i,t=!1)=>{a(x(location.search),i,t),!t&&(document.getElementById("main")?.focus({preventScroll:!0}),scrollTo(0,0))},[]);return{...m,go:r,open:s}}var G=n=>e=>{e.ctrlKey||e.metaKey||e.shiftKey||e.altKey||(e.preventDefault(),n())};function re({pages:n,name:e,title:m,intro:l,back:a,state:r,go:s,isReady:i,tools:t,said:u=null,silence:D,children:T}){let[d,$]=h(null),y=v(i,()=>Promise.resolve(K)),f=v(d!==null,()=>import("./filter_dialog-IW44GYJB.js")),j=v(u!==null,()=>import("./toast-55ALNJ6S.js")),P=()=>$(null),_=y?o`<${y.LiveCount} />`:o`<span class="live"><span class="pulse off"></span>${c("live")}</span>`,q=o`<div class="head-tools">
${t.includes("filter")&&o`<${O} state=${r} go=${s} add=${()=>$({index:null})}
save=${()=>$("segment")} />`}
${t.includes("compare")&&o`<${z} state=${r} go=${s} />`}
${t.includes("period")&&o`<${k} state=${r} go=${s} />`}
</div>`,A=p=>{if(p==="c"&&t.includes("compare"))return()=>s({compare:r.compare==="none"?"previous":"none"});if(t.includes("filter"))return p==="/"?()=>$({index:null}):p==="escape"&&r.filter?()=>s({filter:""}):void 0};return o`<${R} pages=${n} name=${e} title=${m} intro=${l} back=${a} live=${_} tools=${q} isReady=${i}
setPeriod=${t.includes("period")?p=>s({period:p,unit:""}):void 0} find=${A}>
${t.includes("filter")&&o`<${M} state=${r} go=${s} edit=${p=>$({index:p})} />`}
${T}
<//>
${f&&d==="segment"&&o`<${f.SegmentDialog} state=${r} go=${s} close=${P} />`}
${f&&d&&d!=="segment"&&o`<${f.default} state=${r} go=${s} index=${d.index} close=${P} />`}
<div class="toasts" role="status">${u&&j&&o`<${j.Toast} said=${u} close=${D} />`}</div>`}function se({error:n,meta:e,retry:m,go:l}){if(!n)return null;let{days:a}=n,r=()=>l({period:"custom",from:w(g(),1-Number(a)),to:g(),unit:""});return o`<div class="card alert" role="alert">
<div><b>${c(n.status?"problem":"offline")}</b><div>${n.message}</div>
${e&&o`<div class="num">${c("shownAsOf",{period:L(e.from,e.to),time:S(e.computed_at)})}</div>`}</div>
${a&&o`<button class="btn" onClick=${r}>${c("lastDays",{n:a},a)}</button>`}
<button class="btn" onClick=${m}>${c("tryAgain")}</button>
</div>`}var ie=({meta:n,took:e})=>o`<footer class="fresh">
${n.complete_through&&o`<span class="num">${c("completeThrough",{time:S(n.complete_through)})}</span>`}
<span>${c("zone",{zone:n.zone})}</span>
<span class="num">${c("took",{time:e<1e3?`${Math.round(e)} ms`:F(e/1e3)})}</span>
</footer>`;export{re as a,se as b,ie as c,B as d,N as e,G as f};
