import{b as ut}from"./chunk-ZBBA554S.js";import{A as Z,Aa as D,Ba as lt,C as J,D as O,E as P,Ea as m,Fa as it,Ga as R,H as tt,Ka as ct,L as et,M as nt,P as C,Pa as $t,Q as ot,R as K,Y as I,a as ht,b as w,ba as st,c as S,ca as W,d as T,da as F,e as X,ea as B,g as r,j as Y,sa as rt,y as z,z as Q,za as at}from"./chunk-NUTBCF7K.js";var dt=1040,H=globalThis.matchMedia?.("print");function _(){let[t,e]=w(()=>H?.matches??!1);return S(()=>{let o=()=>e(!0),n=()=>e(!1),s=()=>e(H?.matches??!1);return addEventListener("beforeprint",o),addEventListener("afterprint",n),H?.addEventListener("change",s),()=>{removeEventListener("beforeprint",o),removeEventListener("afterprint",n),H?.removeEventListener("change",s)}},[]),t}var U={};ht(U,{WorldMap:()=>vt});var gt=6,pt,yt=()=>pt??=fetch(Y+"world.json").then(t=>t.json());function vt({rows:t,choose:e}){let[o,n]=w(null),[s,c]=w(null),$=T();if(S(()=>{yt().then(n,()=>{pt=void 0})},[]),!o)return r`<div class="skeleton map-sk world"></div>`;let a=new Map(t.map(l=>[l.value,l.visitors??0])),u=Math.max(1,...a.values()),f=l=>l?1+Math.floor(Math.sqrt(l/u)*(gt-.001)):0,d=l=>"land s"+f(a.get(l)??0),p=l=>{let h=l.target.dataset.code,i=$.current.getBoundingClientRect();c(h?{code:h,x:l.clientX-i.left,y:l.clientY-i.top,width:i.width}:null)},y=l=>a.has(l.target.dataset.code)&&e("country",l.target.dataset.code),v=t.slice(0,5).map(l=>`${I("country",l.value)} ${P(l.visitors)}`).join(", ");return r`<div class="map" ref=${$} onPointerMove=${p} onPointerLeave=${()=>c(null)} onClick=${y}>
<svg viewBox=${`0 0 ${o.w} ${o.h}`} role="img" aria-label=${m("mapLabel",{top:v})}>
${Object.entries(o.shapes).map(([l,h])=>r`<path key=${l} data-code=${l}
class=${d(l)} d=${h} />`)}
${Object.entries(o.dots).filter(([l])=>a.has(l)).map(([l,[h,i]])=>r`<circle
key=${l} data-code=${l} class=${d(l)} cx=${h} cy=${i} r="7" />`)}
</svg>
${s&&r`<div class=${"tip"+(s.x>s.width-170?" flip":"")}
style=${{"--x":s.x+"px","--y":Math.max(0,s.y-46)+"px"}}>
<div class="tip-row"><span>${s.code[0]==="_"?s.code.slice(1):I("country",s.code)}</span>
<b>${P(a.get(s.code)??0)}</b></div></div>`}
</div>`}var bt="page_view";function ae({name:t,tabs:e,more:o=[],data:n,isBusy:s,state:c,choose:$,open:a}){let[u,f]=J(t),p=_()&&(e[u]?.kind==="map"||e[u]?.kind==="goals"&&!n?.goals.length)&&e.length>1?u+1:u,y=T(),v=xt(y),l=[...e,...o][p]??e[0],h=kt(l,n,c,v),i=g=>{let b={ArrowRight:1,ArrowLeft:-1}[g.key];if(!b)return;let M=(Math.min(p,e.length-1)+b+e.length)%e.length;f(M),g.currentTarget.children[M].focus()};return r`<section ref=${y} class=${"card panel"+(s?" busy":"")} aria-label=${m(t)}>
<div class="tabs">
<div class="tabs-in" role="tablist" aria-label=${m(t)} onKeyDown=${i}>
${e.map((g,b)=>r`<button key=${g.name} role="tab" class="tab" aria-selected=${b===p}
tabindex=${b===Math.min(p,e.length-1)?0:-1} onClick=${()=>f(b)}>
${m(g.name)}</button>`)}
</div>
${o.length>0&&r`<select class=${p>=e.length?"on":""} aria-label=${`${m(t)}: ${m("more")}`}
value=${String(p)} onChange=${g=>f(Number(g.target.value))}>
<option value=${p<e.length?String(p):"0"}>${m("more")}</option>
${o.map((g,b)=>r`<option key=${g.name}
value=${String(e.length+b)}>${m(g.name)}</option>`)}
</select>`}
</div>
<div class=${l.kind==="map"?"":"list"}><${wt} tab=${l} list=${h} isNear=${v} data=${n}
state=${c} choose=${$} /></div>
<${Mt} tab=${l} list=${h} open=${a} />
</section>`}function xt(t){let[e,o]=w(!1);return S(()=>{let n=c=>c.some($=>$.isIntersecting)&&o(!0),s=new IntersectionObserver(n,{rootMargin:"300px"});return s.observe(t.current),()=>s.disconnect()},[]),e}function kt(t,e,o,n){let[s,c]=w(null),$=t.kind==="map",a=Z(o);a.set("dimension",t.dimension),a.set("measures","visitors,visits,events"),a.set("limit",String($?300:R));let u=a.toString(),f=$?void 0:e?.breakdowns[t.dimension],d=n&&e!==null&&!f&&t.kind!=="goals";return S(()=>{if(!d)return;let p=new AbortController;return ct("reports/breakdown?"+u,p.signal).then(y=>c({key:u,list:y}),()=>{}),()=>p.abort()},[d,u,e]),f??(s&&s.list.dimension===t.dimension?s.list:null)}function wt({tab:t,list:e,isNear:o,data:n,state:s,choose:c}){if(!n)return r`<div class=${"skeleton map-sk"+(t.kind==="map"?" world":"")}></div>`;if(t.kind==="goals")return r`<${Tt} goals=${n.goals} />`;let $=e?.rows.length===0;if(t.kind==="map"&&!$)return r`<${Pt} list=${e} isNear=${o} choose=${c} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let a=e.rows.some(f=>f[t.measure]!=null)?t.measure:"visitors",u=a==="events"?0:n[a]??0;return r`<${Et} list=${e} measure=${a} total=${u} most=${R} filter=${s.filter}
choose=${c} />`}function Mt({tab:t,list:e,open:o}){let n=e?.value_count??0,s=t.kind==="map"?m("countryCount",{n:P(n)},n):n>R?m("inAll",{n:P(n)},n):"";return r`<div class="panel-foot"><span>${e&&n>0?s:""}</span>
${e&&n>0&&r`<button class="more" onClick=${()=>o(t)}><${B} name="expand" size="13" />
${m("details")}</button>`}
</div>`}function Pt({list:t,isNear:e,choose:o}){let n=$t(e,()=>Promise.resolve(U));return!n||!t?r`<div class="skeleton map-sk world"></div>`:r`<${n.WorldMap} rows=${t.rows.filter(s=>s.value)} choose=${o} />`}function Et({list:t,measure:e,total:o,filter:n,choose:s,most:c=1/0}){let{dimension:$}=t,u=t.rows.filter(d=>$!=="type"||d.value!==bt).toSorted((d,p)=>(p[e]??0)-(d[e]??0)).slice(0,c);if(!u.length)return r`<${W} title=${m("nothing")}>${m("nothingText")}<//>`;let f=Math.max(1,...u.map(d=>d[e]??0));return r`<table>
<colgroup><col />${o>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
<thead><tr><th scope="col">${it($)}</th>${o>0&&r`<th scope="col">
<span class="vh">${m("share")}</span></th>`}
<th scope="col">${m(e)}</th></tr></thead>
<tbody>${u.map(d=>r`<${St} key=${d.value} row=${d} dimension=${$} measure=${e}
total=${o} max=${f} isChosen=${rt(n,$,d.value)} choose=${s} />`)}</tbody>
</table>`}function St({row:t,dimension:e,measure:o,total:n,max:s,isChosen:c,choose:$}){let a=I(e,t.value),u=t[o],f=t.change?.[o],d=f==null?"":` (${f>0?"+":"−"}${nt(f)})`,p=`${P(u)} ${m(o)}${d}`;return r`<tr class=${c?"chosen":""}>
<td class="row"><${F} part=${(u??0)/s} />
<button class="cell" aria-pressed=${c} onClick=${()=>$(e,t.value)}
title=${m(c?"unfilter":"filterBy",{value:t.value||a})}>
<${st} dimension=${e} value=${t.value} />
<span class=${t.value?"lbl":"lbl none"}>${a}</span>
</button></td>
${n>0&&r`<td class="s">${u==null?O:et(Math.min(1,u/n))}</td>`}
<td class="v" title=${p}>${C[o].short(u)}</td>
</tr>`}function Tt({goals:t}){if(!t.length)return r`<${W} title=${m("noGoals")}>${m("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(n=>n.rate??0)),o=t.toSorted((n,s)=>(s.users??-1)-(n.users??-1));return r`<table>
<colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
<thead>
<tr><th scope="col">${m("goal")}</th><th scope="col">${m("rate")}</th><th scope="col">${m("visitors")}</th></tr>
</thead>
<tbody>${o.slice(0,R).map(n=>r`<tr key=${n.id}>
<td class="row"><${F} part=${(n.rate??0)/e} /><span class="cell">
<span class="lbl">${n.name}</span></span></td>
<td class="s">${tt(n.rate)}</td>
<td class="v" title=${n.users==null?m("notCounted"):`${P(n.conversions)} ${m("conversions")}`}>
${C.visitors.short(n.users)}</td>
</tr>`)}</tbody>
</table>`}var G=280,L=14,Ct=26,mt=12,Lt=8;function jt(t,e){let o="",n=-1;return t.concat(null).forEach((s,c)=>{if(s&&n<0&&(n=c),!s&&n>=0){let $=t.slice(n,c);$.length>1&&(o+=`${D($)}L${$[$.length-1][0]} ${e}L${$[0][0]} ${e}Z`),n=-1}}),o}function At(t,e){let o=t.filter(n=>Date.parse(n.ts)<=e).length;return{begun:o,running:o>0&&Date.parse(t[o-1].to)>e?o-1:-1}}function It(t,e,o,n,s){let c=t.length,$=n<560,a=$?38:46,u=n-a-mt,{begun:f,running:d}=At(t,s),p=t.slice(0,f).map(x=>x[o]),y=e?.slice(0,c).map(x=>x[o])??[],v=Math.max(1e-9,...p.map(Number),...y.map(Number)),l=at(v,o),h=Math.max(l,Math.ceil(v*1.02/l)*l),i=x=>c===1?a+u/2:a+x/(c-1)*u,g=x=>L+(1-(x??0)/h)*(G-L-Ct),b=(x,A)=>x==null?null:[i(A),g(x)],M=Array.from({length:Math.round(h/l)+1},(x,A)=>A*l),k=Math.ceil(c/Math.max(2,Math.floor(u/($?64:84)))),j=x=>x%k===0&&(x===0||i(x)<n-24),E=t.map((x,A)=>A).filter(j),[N,V]=[p.map(b),y.map(b)],q=d>0?N.slice(0,d):N,ft={before:D(V),area:jt(q,g(0)),done:D(q),part:d>0?D(N.slice(d-1,d+1)):""};return{x:i,y:g,ticks:M,names:E,left:a,inner:u,begun:f,running:d,now:N,before:V,paths:ft}}function ye({points:t,before:e,metric:o,unit:n,label:s,notes:c,now:$,zoom:a,annotate:u,Marks:f,openNotes:d}){let p=T(),y=lt(p),v=_()?dt:y,h=X(()=>v&&t.length?It(t,e,o,v,$):null,[t,e,o,v]),{at:i,from:g,setAt:b,handlers:M}=Dt(p,h,t,a,u);if(!h)return r`<div class="chart" ref=${p}></div>`;let k=i===null?null:Math.min(i,t.length-1),j=Nt(t,c);return r`<div class="chart" ref=${p}>
<svg width=${v} height=${G} viewBox=${`0 0 ${v} ${G}`} role="img" aria-label=${s} tabindex="0" ...${M}>
<${Ot} plan=${h} points=${t} metric=${o} unit=${n} width=${v} />
<${Bt} plan=${h} />
${j.map(([E])=>r`<line key=${E} class="note-line" x1=${h.x(E)} x2=${h.x(E)} y1=${L}
y2=${h.y(0)} />`)}
${g!==null&&k!==null&&r`<${Ht} plan=${h} from=${g} to=${h.x(k)} />`}
${k!==null&&r`<${_t} plan=${h} index=${k} />`}
</svg>
${f&&r`<${f} marks=${j} plan=${h} read=${b} open=${d} />`}
${k!==null&&r`<${Kt} plan=${h} index=${k} point=${t[k]} other=${e?.[k]}
metric=${o} unit=${n} width=${v} notes=${j.find(([E])=>E===k)?.[1]??[]} />`}
</div>`}function Dt(t,e,o,n,s){let[c,$]=w(null),[a,u]=w(null);if(!e)return{at:c,from:a,setAt:$,handlers:{}};let f=i=>Math.max(0,Math.min(o.length-1,i)),d=i=>i.clientX-t.current.getBoundingClientRect().left,p=i=>f(Math.round((i-e.left)/e.inner*(o.length-1))),y=c===null?null:f(c),v=()=>y!==null&&n(o[y],o[y]),l=i=>a===null&&i.pointerType!=="touch"&&$(null);return{at:c,from:a,setAt:$,handlers:{onPointerMove:i=>$(p(d(i))),onPointerLeave:l,onBlur:l,onDblClick:v,onPointerDown(i){$(p(d(i))),!(i.pointerType!=="mouse"||i.button)&&(i.currentTarget.setPointerCapture(i.pointerId),u(d(i)))},onPointerUp(i){if(a===null)return;u(null);let[g,b]=[p(a),p(d(i))].sort((M,k)=>M-k);Math.abs(d(i)-a)>=Lt&&g!==b&&n(o[g],o[b])},onKeyDown(i){let g={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[i.key];i.key==="Enter"&&v(),i.key.toLowerCase()==="n"&&s&&y!==null&&!Rt(i)&&(i.stopPropagation(),i.preventDefault(),s(o[y].date)),i.key==="Escape"&&y!==null&&(i.stopPropagation(),u(null),$(null)),g&&(i.preventDefault(),$(f((y??Math.max(0,e.begun-(g<0?0:1)))+g)))}}}}var Rt=t=>t.ctrlKey||t.metaKey||t.altKey;function Nt(t,e){let o=new Map;for(let n of e){let s=t.findIndex(c=>c.date===n.day||c.date<n.day&&n.day<c.to.slice(0,10));s>=0&&o.set(s,[...o.get(s)??[],n])}return[...o].sort(([n],[s])=>n-s)}function Ot({plan:t,points:e,metric:o,unit:n,width:s}){let c=n==="hour"&&e.length<=48,$=a=>ot(e[a].ts,n==="hour"&&!c?"day":n);return r`${t.ticks.map(a=>r`<g key=${a}>
<line class=${a?"grid":"base"} x1=${t.left} x2=${s-mt} y1=${t.y(a)} y2=${t.y(a)} />
<text class="tick" x=${t.left-8} y=${t.y(a)} dy=".32em" text-anchor="end">${C[o].short(a)}
</text></g>`)}
${t.names.map(a=>r`<text key=${a} class="tick" x=${t.x(a)} y=${G-7}
text-anchor=${a===0&&e.length>1?"start":"middle"}>${$(a)}</text>`)}`}function Bt({plan:t}){let{now:e,paths:o}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
<stop offset="1" class="fade1" /></linearGradient></defs>
<path class="line before" d=${o.before} />
<path class="area" fill="url(#fade)" d=${o.area} />
<path class="line now" d=${o.done} />
<path class="line now part" d=${o.part} />
${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var Ht=({plan:t,from:e,to:o})=>r`<rect class="range" x=${Math.min(e,o)} width=${Math.abs(o-e)}
y=${L} height=${t.y(0)-L} />`;function _t({plan:t,index:e}){let[o,n]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${L} y2=${t.y(0)} />
${n&&r`<circle class="dot before" cx=${n[0]} cy=${n[1]} r="3.5" />`}
${o&&r`<circle class="dot" cx=${o[0]} cy=${o[1]} r="4.5" />`}`}var Gt=(t,e)=>t===null||!e?null:t/e-1;function Kt({plan:t,index:e,point:o,other:n,metric:s,unit:c,width:$,notes:a}){let{long:u,good:f}=C[s],d=t.x(e),p=e<t.begun&&e!==t.running,y=Gt(o[s],n?.[s]);return r`<div class=${"tip"+(d>$/2?" flip":"")} style=${{"--x":d+"px"}} role="status">
<div class="tip-row"><span class="key"></span><span>${K(o.ts,c)}
${e===t.running?` (${m("soFar")})`:""}</span>
<b>${e<t.begun?u(o[s]):O}</b>${p&&y!==null&&r`<${ut}
change=${y} good=${f} />`}</div>
${n&&r`<div class="tip-row dim"><span class="key before"></span><span>${K(n.ts,c)}</span>
<b>${u(n[s])}</b></div>`}
${a.map(({id:v,text:l})=>r`<div class="tip-row dim wrap" key=${v}><span class="key note"></span><span>${l}</span>
</div>`)}
</div>`}function Te({state:t,go:e}){let o=z(t);return o.length<2?null:r`<span class="seg" role="group" aria-label=${m("interval")}>
${o.map(n=>r`<button key=${n} aria-pressed=${Q(t)===n} onClick=${()=>e({unit:n})}>
${m(n+"Unit")}</button>`)}
</span>`}function Ce({state:t,go:e}){let o=t.view==="table",n=m(o?"asChart":"asTable");return r`<button class="iconbtn" aria-label=${n} title=${n} aria-pressed=${o}
onClick=${()=>e({view:o?"chart":"table"},!0)}><${B} name=${o?"chart":"table"} />
</button>`}export{Te as a,Ce as b,At as c,ye as d,ae as e,Et as f};
