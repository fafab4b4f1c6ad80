import{b as ut}from"./chunk-R6ISBZZL.js";import{A as Z,Aa as D,Ba as lt,C as J,D as N,E as P,Ea as m,Fa as it,Ga as R,H as tt,Ka as ct,L as et,M as nt,P as C,Pa as $t,Q as ot,R as K,Y as I,a as gt,b as w,ba as st,c as E,ca as W,d as T,da as F,e as X,ea as B,g as r,j as Y,sa as rt,y as z,z as Q,za as at}from"./chunk-DVZ2JOGS.js";var dt=1040,H=globalThis.matchMedia?.("print");function _(){let[t,e]=w(()=>H?.matches??!1);return E(()=>{let n=()=>e(!0),o=()=>e(!1),s=()=>e(H?.matches??!1);return addEventListener("beforeprint",n),addEventListener("afterprint",o),H?.addEventListener("change",s),()=>{removeEventListener("beforeprint",n),removeEventListener("afterprint",o),H?.removeEventListener("change",s)}},[]),t}var U={};gt(U,{WorldMap:()=>bt});var yt=6,pt,vt=()=>pt??=fetch(Y+"world.json").then(t=>t.json());function bt({rows:t,choose:e}){let[n,o]=w(null),[s,l]=w(null),$=T();if(E(()=>{vt().then(o,()=>{pt=void 0})},[]),!n)return r`<div class="skeleton map-sk world"></div>`;let a=new Map(t.map(i=>[i.value,i.visitors??0])),u=Math.max(1,...a.values()),f=i=>i?1+Math.floor(Math.sqrt(i/u)*(yt-.001)):0,d=i=>"land s"+f(a.get(i)??0),p=i=>{let h=i.target.dataset.code,c=$.current.getBoundingClientRect();l(h?{code:h,x:i.clientX-c.left,y:i.clientY-c.top,width:c.width}:null)},y=i=>a.has(i.target.dataset.code)&&e("country",i.target.dataset.code),v=t.slice(0,5).map(i=>`${I("country",i.value)} ${P(i.visitors)}`).join(", ");return r`<div class="map" ref=${$} onPointerMove=${p} onPointerLeave=${()=>l(null)} onClick=${y}>
<svg viewBox=${`0 0 ${n.w} ${n.h}`} role="img" aria-label=${m("mapLabel",{top:v})}>
${Object.entries(n.shapes).map(([i,h])=>r`<path key=${i} data-code=${i}
class=${d(i)} d=${h} />`)}
${Object.entries(n.dots).filter(([i])=>a.has(i)).map(([i,[h,c]])=>r`<circle
key=${i} data-code=${i} class=${d(i)} cx=${h} cy=${c} r="7" />`)}
</svg>
${s&&r`<div class=${"tip"+(s.x>s.width-170?" flip":"")}
style=${{"--x":s.x+"px","--y":Math.max(0,s.y-46)+"px"}}>
<div class="tip-row"><span>${s.code[0]==="_"?s.code.slice(1):I("country",s.code)}</span>
<b>${P(a.get(s.code)??0)}</b></div></div>`}
</div>`}var xt="page_view";function ie({name:t,tabs:e,more:n=[],data:o,isBusy:s,state:l,choose:$,open:a}){let[u,f]=J(t),p=_()&&(e[u]?.kind==="map"||e[u]?.kind==="goals"&&!o?.goals.length)&&e.length>1?u+1:u,y=T(),v=kt(y),i=[...e,...n][p]??e[0],h=wt(i,o,l,v),c=g=>{let b={ArrowRight:1,ArrowLeft:-1}[g.key];if(!b)return;let M=(Math.min(p,e.length-1)+b+e.length)%e.length;f(M),g.currentTarget.children[M].focus()};return r`<section ref=${y} class=${"card panel"+(s?" busy":"")} aria-label=${m(t)}>
<div class="tabs">
<div class="tabs-in" role="tablist" aria-label=${m(t)} onKeyDown=${c}>
${e.map((g,b)=>r`<button key=${g.name} role="tab" class="tab" aria-selected=${b===p}
tabindex=${b===Math.min(p,e.length-1)?0:-1} onClick=${()=>f(b)}>
${m(g.name)}</button>`)}
</div>
${n.length>0&&r`<select class=${p>=e.length?"on":""} aria-label=${`${m(t)}: ${m("more")}`}
value=${String(p)} onChange=${g=>f(Number(g.target.value))}>
<option value=${p<e.length?String(p):"0"}>${m("more")}</option>
${n.map((g,b)=>r`<option key=${g.name}
value=${String(e.length+b)}>${m(g.name)}</option>`)}
</select>`}
</div>
<div class=${i.kind==="map"?"":"list"}><${Mt} tab=${i} list=${h} isNear=${v} data=${o}
state=${l} choose=${$} /></div>
<${Pt} tab=${i} list=${h} open=${a} />
</section>`}function kt(t){let[e,n]=w(!1);return E(()=>{let o=l=>l.some($=>$.isIntersecting)&&n(!0),s=new IntersectionObserver(o,{rootMargin:"300px"});return s.observe(t.current),()=>s.disconnect()},[]),e}function wt(t,e,n,o){let[s,l]=w(null),$=t.kind==="map",a=Z(n);a.set("dimension",t.dimension),a.set("measures","visitors,visits,events"),a.set("limit",String($?300:R));let u=a.toString(),f=$?void 0:e?.breakdowns[t.dimension],d=o&&e!==null&&!f&&t.kind!=="goals";return E(()=>{if(!d)return;let p=new AbortController;return ct("reports/breakdown?"+u,p.signal).then(y=>l({key:u,list:y}),()=>{}),()=>p.abort()},[d,u,e]),f??(s&&s.list.dimension===t.dimension?s.list:null)}function Mt({tab:t,list:e,isNear:n,data:o,state:s,choose:l}){if(!o)return r`<div class=${"skeleton map-sk"+(t.kind==="map"?" world":"")}></div>`;if(t.kind==="goals")return r`<${Ct} goals=${o.goals} />`;let $=e?.rows.length===0;if(t.kind==="map"&&!$)return r`<${St} list=${e} isNear=${n} choose=${l} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let a=e.rows.some(f=>f[t.measure]!=null)?t.measure:"visitors",u=a==="events"?0:o[a]??0;return r`<${Et} list=${e} measure=${a} total=${u} most=${R} filter=${s.filter}
choose=${l} />`}function Pt({tab:t,list:e,open:n}){let o=t.kind==="map",s=e?.value_count??0,l=e?.rows.filter(a=>a.value).length??0,$=o?m("countryCount",{n:P(l)},l):s>R?m("inAll",{n:P(s)},s):"";return r`<div class="panel-foot"><span>${e&&s>0?$:""}</span>
${e&&s>0&&r`<button class="more" onClick=${()=>n(t)}><${B} name="expand" size="13" />
${m("details")}</button>`}
</div>`}function St({list:t,isNear:e,choose:n}){let o=$t(e,()=>Promise.resolve(U));return!o||!t?r`<div class="skeleton map-sk world"></div>`:r`<${o.WorldMap} rows=${t.rows.filter(s=>s.value)} choose=${n} />`}function Et({list:t,measure:e,total:n,filter:o,choose:s,most:l=1/0}){let{dimension:$}=t,u=t.rows.filter(d=>$!=="type"||d.value!==xt).toSorted((d,p)=>(p[e]??0)-(d[e]??0)).slice(0,l);if(!u.length)return r`<${W} title=${m("nothing")}>${m("nothingText")}<//>`;let f=Math.max(1,...u.map(d=>d[e]??0));return r`<table>
<colgroup><col />${n>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
<thead><tr><th scope="col">${it($)}</th>${n>0&&r`<th scope="col">
<span class="vh">${m("share")}</span></th>`}
<th scope="col">${m(e)}</th></tr></thead>
<tbody>${u.map(d=>r`<${Tt} key=${d.value} row=${d} dimension=${$} measure=${e}
total=${n} max=${f} isChosen=${rt(o,$,d.value)} choose=${s} />`)}</tbody>
</table>`}function Tt({row:t,dimension:e,measure:n,total:o,max:s,isChosen:l,choose:$}){let a=I(e,t.value),u=t[n],f=t.change?.[n],d=f==null?"":` (${f>0?"+":"−"}${nt(f)})`,p=`${P(u)} ${m(n)}${d}`;return r`<tr class=${l?"chosen":""}>
<td class="row"><${F} part=${(u??0)/s} />
<button class="cell" aria-pressed=${l} onClick=${()=>$(e,t.value)}
title=${m(l?"unfilter":"filterBy",{value:t.value||a})}>
<${st} dimension=${e} value=${t.value} />
<span class=${t.value?"lbl":"lbl none"}>${a}</span>
</button></td>
${o>0&&r`<td class="s">${u==null?N:et(Math.min(1,u/o))}</td>`}
<td class="v" title=${p}>${C[n].short(u)}</td>
</tr>`}function Ct({goals:t}){if(!t.length)return r`<${W} title=${m("noGoals")}>${m("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(o=>o.rate??0)),n=t.toSorted((o,s)=>(s.users??-1)-(o.users??-1));return r`<table>
<colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
<thead>
<tr><th scope="col">${m("goal")}</th><th scope="col">${m("rate")}</th><th scope="col">${m("visitors")}</th></tr>
</thead>
<tbody>${n.slice(0,R).map(o=>r`<tr key=${o.id}>
<td class="row"><${F} part=${(o.rate??0)/e} /><span class="cell">
<span class="lbl">${o.name}</span></span></td>
<td class="s">${tt(o.rate)}</td>
<td class="v" title=${o.users==null?m("notCounted"):`${P(o.conversions)} ${m("conversions")}`}>
${C.visitors.short(o.users)}</td>
</tr>`)}</tbody>
</table>`}var G=280,L=14,Lt=26,mt=12,ft=48,jt=8;function At(t,e){let n="",o=-1;return t.concat(null).forEach((s,l)=>{if(s&&o<0&&(o=l),!s&&o>=0){let $=t.slice(o,l);$.length>1&&(n+=`${D($)}L${$[$.length-1][0]} ${e}L${$[0][0]} ${e}Z`),o=-1}}),n}function It(t,e){let n=t.filter(o=>Date.parse(o.ts)<=e).length;return{begun:n,running:n>0&&Date.parse(t[n-1].to)>e?n-1:-1}}function Dt(t){let e=t.map((o,s)=>s),n=e.filter(o=>o===0||t[o].date!==t[o-1].date);return t.length>ft?n:e}function Rt(t,e,n,o,s){let l=t.length,$=o<560,a=$?38:46,u=o-a-mt,{begun:f,running:d}=It(t,s),p=t.slice(0,f).map(k=>k[n]),y=e?.slice(0,l).map(k=>k[n])??[],v=Math.max(1e-9,...p.map(Number),...y.map(Number)),i=at(v,n),h=Math.max(i,Math.ceil(v*1.02/i)*i),c=k=>l===1?a+u/2:a+k/(l-1)*u,g=k=>L+(1-(k??0)/h)*(G-L-Lt),b=(k,A)=>k==null?null:[c(A),g(k)],M=Array.from({length:Math.round(h/i)+1},(k,A)=>A*i),x=Dt(t),j=Math.ceil(x.length/Math.max(2,Math.floor(u/($?64:84)))),S=x.filter((k,A)=>A%j===0&&(k===0||c(k)<o-24)),[O,V]=[p.map(b),y.map(b)],q=d>0?O.slice(0,d):O,ht={before:D(V),area:At(q,g(0)),done:D(q),part:d>0?D(O.slice(d-1,d+1)):""};return{x:c,y:g,ticks:M,names:S,left:a,inner:u,begun:f,running:d,now:O,before:V,paths:ht}}function be({points:t,before:e,metric:n,unit:o,label:s,notes:l,now:$,zoom:a,annotate:u,Marks:f,openNotes:d}){let p=T(),y=lt(p),v=_()?dt:y,h=X(()=>v&&t.length?Rt(t,e,n,v,$):null,[t,e,n,v]),{at:c,from:g,setAt:b,handlers:M}=Ot(p,h,t,a,u);if(!h)return r`<div class="chart" ref=${p}></div>`;let x=c===null?null:Math.min(c,t.length-1),j=Bt(t,l);return r`<div class="chart" ref=${p}>
<svg width=${v} height=${G} viewBox=${`0 0 ${v} ${G}`} role="img" aria-label=${s} tabindex="0" ...${M}>
<${Ht} plan=${h} points=${t} metric=${n} unit=${o} width=${v} />
<${_t} plan=${h} />
${j.map(([S])=>r`<line key=${S} class="note-line" x1=${h.x(S)} x2=${h.x(S)} y1=${L}
y2=${h.y(0)} />`)}
${g!==null&&x!==null&&r`<${Gt} plan=${h} from=${g} to=${h.x(x)} />`}
${x!==null&&r`<${Kt} plan=${h} index=${x} />`}
</svg>
${f&&r`<${f} marks=${j} plan=${h} read=${b} open=${d} />`}
${x!==null&&r`<${Ft} plan=${h} index=${x} point=${t[x]} other=${e?.[x]}
metric=${n} unit=${o} width=${v} notes=${j.find(([S])=>S===x)?.[1]??[]} />`}
</div>`}function Ot(t,e,n,o,s){let[l,$]=w(null),[a,u]=w(null);if(!e)return{at:l,from:a,setAt:$,handlers:{}};let f=c=>Math.max(0,Math.min(n.length-1,c)),d=c=>c.clientX-t.current.getBoundingClientRect().left,p=c=>f(Math.round((c-e.left)/e.inner*(n.length-1))),y=l===null?null:f(l),v=()=>y!==null&&o(n[y],n[y]),i=c=>a===null&&c.pointerType!=="touch"&&$(null);return{at:l,from:a,setAt:$,handlers:{onPointerMove:c=>$(p(d(c))),onPointerLeave:i,onBlur:i,onDblClick:v,onPointerDown(c){$(p(d(c))),!(c.pointerType!=="mouse"||c.button)&&(c.currentTarget.setPointerCapture(c.pointerId),u(d(c)))},onPointerUp(c){if(a===null)return;u(null);let[g,b]=[p(a),p(d(c))].sort((M,x)=>M-x);Math.abs(d(c)-a)>=jt&&g!==b&&o(n[g],n[b])},onKeyDown(c){let g={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[c.key];c.key==="Enter"&&v(),c.key.toLowerCase()==="n"&&s&&y!==null&&!Nt(c)&&(c.stopPropagation(),c.preventDefault(),s(n[y].date)),c.key==="Escape"&&y!==null&&(c.stopPropagation(),u(null),$(null)),g&&(c.preventDefault(),$(f((y??Math.max(0,e.begun-(g<0?0:1)))+g)))}}}}var Nt=t=>t.ctrlKey||t.metaKey||t.altKey;function Bt(t,e){let n=new Map;for(let o of e){let s=t.findIndex(l=>l.date===o.day||l.date<o.day&&o.day<l.to.slice(0,10));s>=0&&n.set(s,[...n.get(s)??[],o])}return[...n].sort(([o],[s])=>o-s)}function Ht({plan:t,points:e,metric:n,unit:o,width:s}){let l=o==="hour"&&e.length<=ft,$=a=>ot(e[a].ts,o==="hour"&&!l?"day":o);return r`${t.ticks.map(a=>r`<g key=${a}>
<line class=${a?"grid":"base"} x1=${t.left} x2=${s-mt} y1=${t.y(a)} y2=${t.y(a)} />
<text class="tick" x=${t.left-8} y=${t.y(a)} dy=".32em" text-anchor="end">${C[n].short(a)}
</text></g>`)}
${t.names.map(a=>r`<text key=${a} class="tick" x=${t.x(a)} y=${G-7}
text-anchor=${a===0&&e.length>1?"start":"middle"}>${$(a)}</text>`)}`}function _t({plan:t}){let{now:e,paths:n}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
<stop offset="1" class="fade1" /></linearGradient></defs>
<path class="line before" d=${n.before} />
<path class="area" fill="url(#fade)" d=${n.area} />
<path class="line now" d=${n.done} />
<path class="line now part" d=${n.part} />
${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var Gt=({plan:t,from:e,to:n})=>r`<rect class="range" x=${Math.min(e,n)} width=${Math.abs(n-e)}
y=${L} height=${t.y(0)-L} />`;function Kt({plan:t,index:e}){let[n,o]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${L} y2=${t.y(0)} />
${o&&r`<circle class="dot before" cx=${o[0]} cy=${o[1]} r="3.5" />`}
${n&&r`<circle class="dot" cx=${n[0]} cy=${n[1]} r="4.5" />`}`}var Wt=(t,e)=>t===null||!e?null:t/e-1;function Ft({plan:t,index:e,point:n,other:o,metric:s,unit:l,width:$,notes:a}){let{long:u,good:f}=C[s],d=t.x(e),p=e<t.begun&&e!==t.running,y=Wt(n[s],o?.[s]);return r`<div class=${"tip"+(d>$/2?" flip":"")} style=${{"--x":d+"px"}} role="status">
<div class="tip-row"><span class="key"></span><span>${K(n.ts,l)}
${e===t.running?` (${m("soFar")})`:""}</span>
<b>${e<t.begun?u(n[s]):N}</b>${p&&y!==null&&r`<${ut}
change=${y} good=${f} />`}</div>
${o&&r`<div class="tip-row dim"><span class="key before"></span><span>${K(o.ts,l)}</span>
<b>${u(o[s])}</b></div>`}
${a.map(({id:v,text:i})=>r`<div class="tip-row dim wrap" key=${v}><span class="key note"></span><span>${i}</span>
</div>`)}
</div>`}function Le({state:t,go:e}){let n=z(t);return n.length<2?null:r`<span class="seg" role="group" aria-label=${m("interval")}>
${n.map(o=>r`<button key=${o} aria-pressed=${Q(t)===o} onClick=${()=>e({unit:o})}>
${m(o+"Unit")}</button>`)}
</span>`}function je({state:t,go:e}){let n=t.view==="table",o=m(n?"asChart":"asTable");return r`<button class="iconbtn" aria-label=${o} title=${o} aria-pressed=${n}
onClick=${()=>e({view:n?"chart":"table"},!0)}><${B} name=${n?"chart":"table"} />
</button>`}export{Le as a,je as b,It as c,be as d,ie as e,Et as f};
