import{a as A}from"./chunk-5QQWLRGC.js";import{Aa as D,Fa as i,I as P,N as z,Ra as c,T as h,b as M,ca as R,da as _,g as e,n as v,o as F,oa as j,pa as y}from"./chunk-UMTCUHV3.js";function J({pages:n,name:o,title:m,intro:p,back:$,state:t,go:s,isReady:b,tools:r,said:f=null,silence:O,children:S}){let[u,a]=M(null),g=c(b,()=>Promise.resolve(A)),d=c(u!==null,()=>import("./filter_dialog-OXBXUQFM.js")),x=c(f!==null,()=>import("./toast-DACOA4F2.js")),C=()=>a(null),T=g?e`<${g.LiveCount} />`:e`<span class="live"><span class="pulse off"></span>${i("live")}</span>`,w=e`<div class="head-tools">
    ${r.includes("filter")&&e`<${y} state=${t} go=${s} add=${()=>a({index:null})}
      save=${()=>a("segment")} />`}
    ${r.includes("compare")&&e`<${_} state=${t} go=${s} />`}
    ${r.includes("period")&&e`<${R} state=${t} go=${s} />`}
  </div>`,L=l=>{if(l==="c"&&r.includes("compare"))return()=>s({compare:t.compare==="none"?"previous":"none"});if(r.includes("filter"))return l==="/"?()=>a({index:null}):l==="escape"&&t.filter?()=>s({filter:""}):void 0};return e`<${D} pages=${n} name=${o} title=${m} intro=${p} back=${$} live=${T} tools=${w} isReady=${b}
      setPeriod=${r.includes("period")?l=>s({period:l,unit:""}):void 0} find=${L}>
      ${r.includes("filter")&&e`<${j} state=${t} go=${s} edit=${l=>a({index:l})} />`}
      ${S}
    <//>
    ${d&&u==="segment"&&e`<${d.SegmentDialog} state=${t} go=${s} close=${C} />`}
    ${d&&u&&u!=="segment"&&e`<${d.default} state=${t} go=${s} index=${u.index} close=${C} />`}
    <div class="toasts" role="status">${f&&x&&e`<${x.Toast} said=${f} close=${O} />`}</div>`}function K({error:n,meta:o,retry:m,go:p}){if(!n)return null;let{days:$}=n,t=()=>p({period:"custom",from:F(v(),1-Number($)),to:v(),unit:""});return e`<div class="card alert" role="alert">
    <div><b>${i(n.status?"problem":"offline")}</b><div>${n.message}</div>
      ${o&&e`<div class="num">${i("shownAsOf",{period:z(o.from,o.to),time:h(o.computed_at)})}</div>`}</div>
    ${$&&e`<button class="btn" onClick=${t}>${i("lastDays",{n:$},$)}</button>`}
    <button class="btn" onClick=${m}>${i("tryAgain")}</button>
  </div>`}var Q=({meta:n,took:o})=>e`<footer class="fresh">
  ${n.complete_through&&e`<span class="num">${i("completeThrough",{time:h(n.complete_through)})}</span>`}
  <span>${i("zone",{zone:n.zone})}</span>
  <span class="num">${i("took",{time:o<1e3?`${Math.round(o)} ms`:P(o/1e3)})}</span>
</footer>`;export{J as a,K as b,Q as c};
