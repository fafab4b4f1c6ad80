import{b as ot}from"./chunk-LYVZOZXD.js";import{$ as at,C as J,Fa as p,G as tt,Ga as it,H as et,Ia as O,K as P,L as nt,M as R,Ma as $t,Ra as ut,W as N,Y as st,Z as rt,_ as j,a as X,b as w,c as A,d as T,e as Y,g as r,j as z,ma as lt,qa as ct,ra as F,sa as K,v as Q,x as Z,y as L,z as E}from"./chunk-7Z6IC6P2.js";var dt=1040,B=globalThis.matchMedia?.("print");function _(){let[t,e]=w(()=>B?.matches??!1);return A(()=>{let n=()=>e(!0),s=()=>e(!1),o=()=>e(B?.matches??!1);return addEventListener("beforeprint",n),addEventListener("afterprint",s),B?.addEventListener("change",o),()=>{removeEventListener("beforeprint",n),removeEventListener("afterprint",s),B?.removeEventListener("change",o)}},[]),t}var G=280,C=14,ft=26,pt=12,gt=8;function yt(t,e){let n="",s=-1;return t.concat(null).forEach((o,l)=>{if(o&&s<0&&(s=l),!o&&s>=0){let c=t.slice(s,l);c.length>1&&(n+=`${j(c)}L${c[c.length-1][0]} ${e}L${c[0][0]} ${e}Z`),s=-1}}),n}function W(t,e){let n=t.filter(s=>Date.parse(s.ts)<=e).length;return{begun:n,running:n>0&&Date.parse(t[n-1].to)>e?n-1:-1}}function vt(t,e,n,s,o){let l=t.length,c=s<560,a=c?38:46,d=s-a-pt,{begun:h,running:u}=W(t,o),m=t.slice(0,h).map(b=>b[n]),y=e?.slice(0,l).map(b=>b[n])??[],v=Math.max(1e-9,...m.map(Number),...y.map(Number)),i=rt(v,n),f=Math.max(i,Math.ceil(v*1.02/i)*i),$=b=>l===1?a+d/2:a+b/(l-1)*d,g=b=>C+(1-(b??0)/f)*(G-C-ft),x=(b,I)=>b==null?null:[$(I),g(b)],M=Array.from({length:Math.round(f/i)+1},(b,I)=>I*i),k=Math.ceil(l/Math.max(2,Math.floor(d/(c?64:84)))),D=b=>b%k===0&&(b===0||$(b)<s-24),S=t.map((b,I)=>I).filter(D),[H,q]=[m.map(x),y.map(x)],V=u>0?H.slice(0,u):H,mt={before:j(q),area:yt(V,g(0)),done:j(V),part:u>0?j(H.slice(u-1,u+1)):""};return{x:$,y:g,ticks:M,names:S,left:a,inner:d,begun:h,running:u,now:H,before:q,paths:mt}}function Zt({points:t,before:e,metric:n,unit:s,label:o,notes:l,now:c,zoom:a,annotate:d,Marks:h,openNotes:u}){let m=T(),y=at(m),v=_()?dt:y,f=Y(()=>v&&t.length?vt(t,e,n,v,c):null,[t,e,n,v]),{at:$,from:g,setAt:x,handlers:M}=xt(m,f,t,a,d);if(!f)return r`<div class="chart" ref=${m}></div>`;let k=$===null?null:Math.min($,t.length-1),D=kt(t,l);return r`<div class="chart" ref=${m}>
    <svg width=${v} height=${G} viewBox=${`0 0 ${v} ${G}`} role="img" aria-label=${o} tabindex="0" ...${M}>
      <${wt} plan=${f} points=${t} metric=${n} unit=${s} width=${v} />
      <${Mt} plan=${f} />
      ${D.map(([S])=>r`<line key=${S} class="note-line" x1=${f.x(S)} x2=${f.x(S)} y1=${C}
        y2=${f.y(0)} />`)}
      ${g!==null&&k!==null&&r`<${Et} plan=${f} from=${g} to=${f.x(k)} />`}
      ${k!==null&&r`<${Pt} plan=${f} index=${k} />`}
    </svg>
    ${h&&r`<${h} marks=${D} plan=${f} read=${x} open=${u} />`}
    ${k!==null&&r`<${At} plan=${f} index=${k} point=${t[k]} other=${e?.[k]}
      metric=${n} unit=${s} width=${v} notes=${D.find(([S])=>S===k)?.[1]??[]} />`}
  </div>`}function xt(t,e,n,s,o){let[l,c]=w(null),[a,d]=w(null);if(!e)return{at:l,from:a,setAt:c,handlers:{}};let h=$=>Math.max(0,Math.min(n.length-1,$)),u=$=>$.clientX-t.current.getBoundingClientRect().left,m=$=>h(Math.round(($-e.left)/e.inner*(n.length-1))),y=l===null?null:h(l),v=()=>y!==null&&s(n[y],n[y]),i=$=>a===null&&$.pointerType!=="touch"&&c(null);return{at:l,from:a,setAt:c,handlers:{onPointerMove:$=>c(m(u($))),onPointerLeave:i,onBlur:i,onDblClick:v,onPointerDown($){c(m(u($))),!($.pointerType!=="mouse"||$.button)&&($.currentTarget.setPointerCapture($.pointerId),d(u($)))},onPointerUp($){if(a===null)return;d(null);let[g,x]=[m(a),m(u($))].sort((M,k)=>M-k);Math.abs(u($)-a)>=gt&&g!==x&&s(n[g],n[x])},onKeyDown($){let g={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[$.key];$.key==="Enter"&&v(),$.key.toLowerCase()==="n"&&o&&y!==null&&!bt($)&&($.stopPropagation(),$.preventDefault(),o(n[y].date)),$.key==="Escape"&&y!==null&&($.stopPropagation(),d(null),c(null)),g&&($.preventDefault(),c(h((y??Math.max(0,e.begun-(g<0?0:1)))+g)))}}}}var bt=t=>t.ctrlKey||t.metaKey||t.altKey;function kt(t,e){let n=new Map;for(let s of e){let o=t.findIndex(l=>l.date===s.day||l.date<s.day&&s.day<l.to.slice(0,10));o>=0&&n.set(o,[...n.get(o)??[],s])}return[...n].sort(([s],[o])=>s-o)}function wt({plan:t,points:e,metric:n,unit:s,width:o}){let l=s==="hour"&&e.length<=48,c=a=>nt(e[a].ts,s==="hour"&&!l?"day":s);return r`${t.ticks.map(a=>r`<g key=${a}>
      <line class=${a?"grid":"base"} x1=${t.left} x2=${o-pt} y1=${t.y(a)} y2=${t.y(a)} />
      <text class="tick" x=${t.left-8} y=${t.y(a)} dy=".32em" text-anchor="end">${P[n].short(a)}
        </text></g>`)}
    ${t.names.map(a=>r`<text key=${a} class="tick" x=${t.x(a)} y=${G-7}
      text-anchor=${a===0&&e.length>1?"start":"middle"}>${c(a)}</text>`)}`}function Mt({plan:t}){let{now:e,paths:n}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
    <stop offset="1" class="fade1" /></linearGradient></defs>
    <path class="line before" d=${n.before} />
    <path class="area" fill="url(#fade)" d=${n.area} />
    <path class="line now" d=${n.done} />
    <path class="line now part" d=${n.part} />
    ${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var Et=({plan:t,from:e,to:n})=>r`<rect class="range" x=${Math.min(e,n)} width=${Math.abs(n-e)}
  y=${C} height=${t.y(0)-C} />`;function Pt({plan:t,index:e}){let[n,s]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${C} y2=${t.y(0)} />
    ${s&&r`<circle class="dot before" cx=${s[0]} cy=${s[1]} r="3.5" />`}
    ${n&&r`<circle class="dot" cx=${n[0]} cy=${n[1]} r="4.5" />`}`}var St=(t,e)=>t===null||!e?null:t/e-1;function At({plan:t,index:e,point:n,other:s,metric:o,unit:l,width:c,notes:a}){let{long:d,good:h}=P[o],u=t.x(e),m=e<t.begun&&e!==t.running,y=St(n[o],s?.[o]);return r`<div class=${"tip"+(u>c/2?" flip":"")} style=${{"--x":u+"px"}} role="status">
    <div class="tip-row"><span class="key"></span><span>${R(n.ts,l)}
      ${e===t.running?` (${p("soFar")})`:""}</span>
      <b>${e<t.begun?d(n[o]):L}</b>${m&&y!==null&&r`<${ot}
        change=${y} good=${h} />`}</div>
    ${s&&r`<div class="tip-row dim"><span class="key before"></span><span>${R(s.ts,l)}</span>
      <b>${d(s[o])}</b></div>`}
    ${a.map(({id:v,text:i})=>r`<div class="tip-row dim wrap" key=${v}><span class="key note"></span><span>${i}</span>
      </div>`)}
  </div>`}var U={};X(U,{WorldMap:()=>Ct});var Lt=6,ht,Tt=()=>ht??=fetch(z+"world.json").then(t=>t.json());function Ct({rows:t,choose:e}){let[n,s]=w(null),[o,l]=w(null),c=T();if(A(()=>{Tt().then(s,()=>{ht=void 0})},[]),!n)return r`<div class="skeleton map-sk world"></div>`;let a=new Map(t.map(i=>[i.value,i.visitors??0])),d=Math.max(1,...a.values()),h=i=>i?1+Math.floor(Math.sqrt(i/d)*(Lt-.001)):0,u=i=>"land s"+h(a.get(i)??0),m=i=>{let f=i.target.dataset.code,$=c.current.getBoundingClientRect();l(f?{code:f,x:i.clientX-$.left,y:i.clientY-$.top,width:$.width}:null)},y=i=>a.has(i.target.dataset.code)&&e("country",i.target.dataset.code),v=t.slice(0,5).map(i=>`${N("country",i.value)} ${E(i.visitors)}`).join(", ");return r`<div class="map" ref=${c} onPointerMove=${m} onPointerLeave=${()=>l(null)} onClick=${y}>
    <svg viewBox=${`0 0 ${n.w} ${n.h}`} role="img" aria-label=${p("mapLabel",{top:v})}>
      ${Object.entries(n.shapes).map(([i,f])=>r`<path key=${i} data-code=${i}
        class=${u(i)} d=${f} />`)}
      ${Object.entries(n.dots).filter(([i])=>a.has(i)).map(([i,[f,$]])=>r`<circle
        key=${i} data-code=${i} class=${u(i)} cx=${f} cy=${$} r="7" />`)}
    </svg>
    ${o&&r`<div class=${"tip"+(o.x>o.width-170?" flip":"")}
      style=${{"--x":o.x+"px","--y":Math.max(0,o.y-46)+"px"}}>
      <div class="tip-row"><span>${o.code[0]==="_"?o.code.slice(1):N("country",o.code)}</span>
        <b>${E(a.get(o.code)??0)}</b></div></div>`}
  </div>`}var Dt="page_view";function me({name:t,tabs:e,more:n=[],data:s,isBusy:o,state:l,choose:c,open:a}){let[d,h]=Z(t),m=_()&&(e[d]?.kind==="map"||e[d]?.kind==="goals"&&!s?.goals.length)&&e.length>1?d+1:d,y=T(),v=It(y),i=[...e,...n][m]??e[0],f=Rt(i,s,l,v),$=g=>{let x={ArrowRight:1,ArrowLeft:-1}[g.key];if(!x)return;let M=(Math.min(m,e.length-1)+x+e.length)%e.length;h(M),g.currentTarget.children[M].focus()};return r`<section ref=${y} class=${"card panel"+(o?" busy":"")} aria-label=${p(t)}>
    <div class="tabs">
      <div class="tabs-in" role="tablist" aria-label=${p(t)} onKeyDown=${$}>
        ${e.map((g,x)=>r`<button key=${g.name} role="tab" class="tab" aria-selected=${x===m}
          tabindex=${x===Math.min(m,e.length-1)?0:-1} onClick=${()=>h(x)}>
          ${p(g.name)}</button>`)}
      </div>
      ${n.length>0&&r`<select class=${m>=e.length?"on":""} aria-label=${`${p(t)}: ${p("more")}`}
        value=${String(m)} onChange=${g=>h(Number(g.target.value))}>
        <option value=${m<e.length?String(m):"0"}>${p("more")}</option>
        ${n.map((g,x)=>r`<option key=${g.name}
          value=${String(e.length+x)}>${p(g.name)}</option>`)}
      </select>`}
    </div>
    <div class=${i.kind==="map"?"":"list"}><${Nt} tab=${i} list=${f} isNear=${v} data=${s}
      state=${l} choose=${c} /></div>
    <${jt} tab=${i} list=${f} open=${a} />
  </section>`}function It(t){let[e,n]=w(!1);return A(()=>{let s=l=>l.some(c=>c.isIntersecting)&&n(!0),o=new IntersectionObserver(s,{rootMargin:"300px"});return o.observe(t.current),()=>o.disconnect()},[]),e}function Rt(t,e,n,s){let[o,l]=w(null),c=t.kind==="map",a=Q(n);a.set("dimension",t.dimension),a.set("measures","visitors,visits,events"),a.set("limit",String(c?300:O));let d=a.toString(),h=c?void 0:e?.breakdowns[t.dimension],u=s&&e!==null&&!h&&t.kind!=="goals";return A(()=>{if(!u)return;let m=new AbortController;return $t("reports/breakdown?"+d,m.signal).then(y=>l({key:d,list:y}),()=>{}),()=>m.abort()},[u,d,e]),h??(o&&o.list.dimension===t.dimension?o.list:null)}function Nt({tab:t,list:e,isNear:n,data:s,state:o,choose:l}){if(!s)return r`<div class=${"skeleton map-sk"+(t.kind==="map"?" world":"")}></div>`;if(t.kind==="goals")return r`<${_t} goals=${s.goals} />`;let c=e?.rows.length===0;if(t.kind==="map"&&!c)return r`<${Ot} list=${e} isNear=${n} choose=${l} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let a=e.rows.some(h=>h[t.measure]!=null)?t.measure:"visitors",d=a==="events"?0:s[a]??0;return r`<${Ht} list=${e} measure=${a} total=${d} most=${O} filter=${o.filter}
    choose=${l} />`}function jt({tab:t,list:e,open:n}){let s=e?.value_count??0,o=t.kind==="map"?p("countryCount",{n:E(s)},s):s>O?p("inAll",{n:E(s)},s):"";return r`<div class="panel-foot"><span>${e&&s>0?o:""}</span>
    ${e&&s>0&&r`<button class="more" onClick=${()=>n(t)}><${st} name="expand" size="13" />
      ${p("details")}</button>`}
  </div>`}function Ot({list:t,isNear:e,choose:n}){let s=ut(e,()=>Promise.resolve(U));return!s||!t?r`<div class="skeleton map-sk world"></div>`:r`<${s.WorldMap} rows=${t.rows.filter(o=>o.value)} choose=${n} />`}function Ht({list:t,measure:e,total:n,filter:s,choose:o,most:l=1/0}){let{dimension:c}=t,d=t.rows.filter(u=>c!=="type"||u.value!==Dt).toSorted((u,m)=>(m[e]??0)-(u[e]??0)).slice(0,l);if(!d.length)return r`<${F} title=${p("nothing")}>${p("nothingText")}<//>`;let h=Math.max(1,...d.map(u=>u[e]??0));return r`<table>
    <colgroup><col />${n>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${it(c)}</th>${n>0&&r`<th scope="col">
      <span class="vh">${p("share")}</span></th>`}
      <th scope="col">${p(e)}</th></tr></thead>
    <tbody>${d.map(u=>r`<${Bt} key=${u.value} row=${u} dimension=${c} measure=${e}
      total=${n} max=${h} isChosen=${lt(s,c,u.value)} choose=${o} />`)}</tbody>
  </table>`}function Bt({row:t,dimension:e,measure:n,total:s,max:o,isChosen:l,choose:c}){let a=N(e,t.value),d=t[n],h=t.change?.[n],u=h==null?"":` (${h>0?"+":"−"}${et(h)})`,m=`${E(d)} ${p(n)}${u}`;return r`<tr class=${l?"chosen":""}>
    <td class="row"><${K} part=${(d??0)/o} />
      <button class="cell" aria-pressed=${l} onClick=${()=>c(e,t.value)}
        title=${p(l?"unfilter":"filterBy",{value:t.value||a})}>
        <${ct} dimension=${e} value=${t.value} />
        <span class=${t.value?"lbl":"lbl none"}>${a}</span>
      </button></td>
    ${s>0&&r`<td class="s">${d==null?L:tt(Math.min(1,d/s))}</td>`}
    <td class="v" title=${m}>${P[n].short(d)}</td>
  </tr>`}function _t({goals:t}){if(!t.length)return r`<${F} title=${p("noGoals")}>${p("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(s=>s.rate??0)),n=t.toSorted((s,o)=>(o.users??-1)-(s.users??-1));return r`<table>
    <colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
    <thead>
      <tr><th scope="col">${p("goal")}</th><th scope="col">${p("rate")}</th><th scope="col">${p("visitors")}</th></tr>
    </thead>
    <tbody>${n.slice(0,O).map(s=>r`<tr key=${s.id}>
      <td class="row"><${K} part=${(s.rate??0)/e} /><span class="cell">
        <span class="lbl">${s.name}</span></span></td>
      <td class="s">${J(s.rate)}</td>
      <td class="v" title=${s.users==null?p("notCounted"):`${E(s.conversions)} ${p("conversions")}`}>
        ${P.visitors.short(s.users)}</td>
    </tr>`)}</tbody>
  </table>`}var Ft={};X(Ft,{PointTable:()=>Gt});function Gt({points:t,before:e,metric:n,unit:s,label:o,now:l}){let{long:c}=P[n],{begun:a,running:d}=W(t,l);return r`<div class="points" tabindex="0" role="region" aria-label=${o}><table>
    <thead><tr><th scope="col">${p("date")}</th><th scope="col">${p(n)}
      </th>${e&&r`<th scope="col">${p("before")}</th>`}</tr></thead>
    <tbody>${t.map((h,u)=>r`<tr key=${h.ts}>
      <th scope="row">${R(h.ts,s)}${u===d?` (${p("soFar")})`:""}</th>
      <td>${u<a?c(h[n]):L}</td>${e&&r`<td class="none">
        ${e[u]?c(e[u][n]):L}</td>`}</tr>`)}</tbody>
  </table></div>`}export{Zt as a,me as b,Ht as c,Ft as d};
