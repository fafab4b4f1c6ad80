import{m as A}from"./chunk-6NALNHON.js";import{a as q}from"./chunk-JTKKUNXL.js";import{i as M,j as T}from"./chunk-ESXK64HH.js";import{b as G,c as U}from"./chunk-NDZKVOJC.js";import{a as w}from"./chunk-GS2UF7NY.js";import{$ as S,A as y,M as m,U as C,Z as N,b as j,ba as b,h as n,i as h,p as v,q as R,ua as r,w as g}from"./chunk-7NGO67WJ.js";function te({pages:e,name:t,title:o,intro:i,back:u,state:s,go:c,isReady:O,tools:l,said:a,silence:k,children:z}){let[f,d]=j(null),E=m(O,()=>Promise.resolve(q)),$=m(f!==null,()=>import("./filter_dialog-7B5PGX2E.js")),P=m(a!==null,()=>import("./toast-7HSPWKUK.js")),_=()=>d(null),D=E?n`<${E.LiveCount} />`:n`<span class="live"><span class="pulse off"></span>${r("live")}</span>`,I=n`<div class="head-tools">
    ${l.includes("filter")&&n`<${T} state=${s} go=${c} add=${()=>d({index:null})}
      save=${()=>d("segment")} />`}
    ${l.includes("compare")&&n`<${U} state=${s} go=${c} />`}
    ${l.includes("period")&&n`<${G} state=${s} go=${c} />`}
  </div>`,V=p=>{if(p==="c"&&l.includes("compare"))return()=>c({compare:s.compare==="none"?"previous":"none"});if(l.includes("filter"))return p==="/"?()=>d({index:null}):p==="escape"&&s.filter?()=>c({filter:""}):void 0};return n`<${w} pages=${e} name=${t} title=${o} intro=${i} back=${u} live=${D} tools=${I} isReady=${O}
      setPeriod=${l.includes("period")?p=>c({period:p,unit:""}):void 0} find=${V}>
      ${l.includes("filter")&&n`<${M} state=${s} go=${c} edit=${p=>d({index:p})} />`}
      ${z}
    <//>
    ${$&&f==="segment"&&n`<${$.SegmentDialog} state=${s} go=${c} close=${_} />`}
    ${$&&f&&f!=="segment"&&n`<${$.default} state=${s} go=${c} index=${f.index} close=${_} />`}
    <div class="toasts" role="status">${a&&P&&n`<${P.Toast} said=${a} close=${k} />`}</div>`}function oe({error:e,meta:t,retry:o,go:i}){if(!e)return null;let{days:u}=e,s=()=>i({period:"custom",from:R(v(),1-Number(u)),to:v(),unit:""});return n`<div class="card alert" role="alert">
    <div><b>${r(e.status?"problem":"offline")}</b><div>${e.message}</div>
      ${t&&n`<div class="num">${r("shownAsOf",{period:N(t.from,t.to),time:b(t.computed_at)})}</div>`}</div>
    ${u&&n`<button class="btn" onClick=${s}>${r("lastDays",{n:u},u)}</button>`}
    <button class="btn" onClick=${o}>${r("tryAgain")}</button>
  </div>`}var ne=({meta:e,took:t})=>n`<footer class="fresh">
  ${e.complete_through&&n`<span class="num">${r("completeThrough",{time:b(e.complete_through)})}</span>`}
  <span>${r("zone",{zone:e.zone})}</span>
  <span class="num">${r("took",{time:t<1e3?`${Math.round(t)} ms`:C(t/1e3)})}</span>
</footer>`;var pe=`/sites/${encodeURIComponent(h)}/users`,x=["funnel","step","reached","cohort","unit","offset","goal","exposure_type","variant_property","variant","converted","type"],fe=Object.fromEntries(x.map(e=>[e,""])),L="50",Q="100",F=e=>Object.fromEntries(x.filter(t=>e[t]).map(t=>[t,e[t]])),de=e=>x.some(t=>e[t]);function B(e,t){let o=y(e);return t.cohort&&Object.keys(g(e)[0]).forEach(i=>o.delete(i)),o}function $e(e,t){let o=B(e,t);return Object.entries(F(t)).forEach(([i,u])=>o.set(i,u)),o.set("limit",L),"reports/users?"+o}function me(e,t){let o=y(e,"");return o.set("user_id",t),o.set("limit",Q),"reports/users/timeline?"+o}function ae(e,t){let{type:o,...i}=F(t),u=t.cohort?{}:g(e)[0],s={...e.filter&&{where:e.filter},...o&&{type:[o]}};return{site:h,what:"users",format:"csv",...u,...u.days&&{days:Number(u.days)},...Object.keys(s).length&&{filter:s},...Object.keys(i).length&&{users:i}}}function he(e,t){if(e.funnel){let o=t?.steps[Number(e.step)-1],i={step:o?A(o):e.step,n:e.step,funnel:t?.name??"…"};return r(e.reached==="dropped"?"groupDropped":"groupReached",i)}if(e.cohort){let o={unit:r("unit_"+(e.unit||"day")),day:S(e.cohort,e.cohort),n:e.offset};return r(Number(e.offset)?"groupReturned":"groupCohort",o,Number(e.offset))}return e.goal?r(e.converted==="true"?"groupConverted":e.converted?"groupUnconverted":"groupVariant",{variant:e.variant,goal:e.goal}):r("groupType",{type:e.type})}var ve=e=>e.funnel?{page:"funnels",params:{funnel:e.funnel}}:null,ge=e=>"user_id=="+e.replace(/[;|\\]/g,"\\$&");export{te as a,oe as b,ne as c,pe as d,x as e,fe as f,de as g,$e as h,me as i,ae as j,he as k,ve as l,ge as m};
