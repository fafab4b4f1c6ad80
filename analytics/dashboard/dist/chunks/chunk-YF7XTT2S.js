import{b as ot}from"./chunk-ZJPEX3X2.js";import{$ as at,C as J,Fa as p,G as tt,Ga as it,H as et,Ia as j,K as P,L as nt,M as I,Ma as $t,Ra as ut,W as N,Y as st,Z as rt,_ as O,a as X,b as w,c as A,d as L,e as Y,g as r,j as z,ma as lt,qa as ct,ra as F,sa as K,v as Q,x as Z,y as T,z as E}from"./chunk-UMTCUHV3.js";var dt=1040,B=globalThis.matchMedia?.("print");function _(){let[t,e]=w(()=>B?.matches??!1);return A(()=>{let n=()=>e(!0),s=()=>e(!1),o=()=>e(B?.matches??!1);return addEventListener("beforeprint",n),addEventListener("afterprint",s),B?.addEventListener("change",o),()=>{removeEventListener("beforeprint",n),removeEventListener("afterprint",s),B?.removeEventListener("change",o)}},[]),t}var G=280,C=14,gt=26,pt=12,ht=48,yt=8;function vt(t,e){let n="",s=-1;return t.concat(null).forEach((o,l)=>{if(o&&s<0&&(s=l),!o&&s>=0){let c=t.slice(s,l);c.length>1&&(n+=`${O(c)}L${c[c.length-1][0]} ${e}L${c[0][0]} ${e}Z`),s=-1}}),n}function W(t,e){let n=t.filter(s=>Date.parse(s.ts)<=e).length;return{begun:n,running:n>0&&Date.parse(t[n-1].to)>e?n-1:-1}}function xt(t){let e=t.map((s,o)=>o),n=e.filter(s=>s===0||t[s].date!==t[s-1].date);return t.length>ht?n:e}function bt(t,e,n,s,o){let l=t.length,c=s<560,a=c?38:46,d=s-a-pt,{begun:h,running:u}=W(t,o),f=t.slice(0,h).map(k=>k[n]),y=e?.slice(0,l).map(k=>k[n])??[],v=Math.max(1e-9,...f.map(Number),...y.map(Number)),i=rt(v,n),m=Math.max(i,Math.ceil(v*1.02/i)*i),$=k=>l===1?a+d/2:a+k/(l-1)*d,g=k=>C+(1-(k??0)/m)*(G-C-gt),x=(k,R)=>k==null?null:[$(R),g(k)],M=Array.from({length:Math.round(m/i)+1},(k,R)=>R*i),b=xt(t),D=Math.ceil(b.length/Math.max(2,Math.floor(d/(c?64:84)))),S=b.filter((k,R)=>R%D===0&&(k===0||$(k)<s-24)),[H,q]=[f.map(x),y.map(x)],V=u>0?H.slice(0,u):H,mt={before:O(q),area:vt(V,g(0)),done:O(V),part:u>0?O(H.slice(u-1,u+1)):""};return{x:$,y:g,ticks:M,names:S,left:a,inner:d,begun:h,running:u,now:H,before:q,paths:mt}}function te({points:t,before:e,metric:n,unit:s,label:o,notes:l,now:c,zoom:a,annotate:d,Marks:h,openNotes:u}){let f=L(),y=at(f),v=_()?dt:y,m=Y(()=>v&&t.length?bt(t,e,n,v,c):null,[t,e,n,v]),{at:$,from:g,setAt:x,handlers:M}=kt(f,m,t,a,d);if(!m)return r`<div class="chart" ref=${f}></div>`;let b=$===null?null:Math.min($,t.length-1),D=Mt(t,l);return r`<div class="chart" ref=${f}>
    <svg width=${v} height=${G} viewBox=${`0 0 ${v} ${G}`} role="img" aria-label=${o} tabindex="0" ...${M}>
      <${Et} plan=${m} points=${t} metric=${n} unit=${s} width=${v} />
      <${Pt} plan=${m} />
      ${D.map(([S])=>r`<line key=${S} class="note-line" x1=${m.x(S)} x2=${m.x(S)} y1=${C}
        y2=${m.y(0)} />`)}
      ${g!==null&&b!==null&&r`<${St} plan=${m} from=${g} to=${m.x(b)} />`}
      ${b!==null&&r`<${At} plan=${m} index=${b} />`}
    </svg>
    ${h&&r`<${h} marks=${D} plan=${m} read=${x} open=${u} />`}
    ${b!==null&&r`<${Lt} plan=${m} index=${b} point=${t[b]} other=${e?.[b]}
      metric=${n} unit=${s} width=${v} notes=${D.find(([S])=>S===b)?.[1]??[]} />`}
  </div>`}function kt(t,e,n,s,o){let[l,c]=w(null),[a,d]=w(null);if(!e)return{at:l,from:a,setAt:c,handlers:{}};let h=$=>Math.max(0,Math.min(n.length-1,$)),u=$=>$.clientX-t.current.getBoundingClientRect().left,f=$=>h(Math.round(($-e.left)/e.inner*(n.length-1))),y=l===null?null:h(l),v=()=>y!==null&&s(n[y],n[y]),i=$=>a===null&&$.pointerType!=="touch"&&c(null);return{at:l,from:a,setAt:c,handlers:{onPointerMove:$=>c(f(u($))),onPointerLeave:i,onBlur:i,onDblClick:v,onPointerDown($){c(f(u($))),!($.pointerType!=="mouse"||$.button)&&($.currentTarget.setPointerCapture($.pointerId),d(u($)))},onPointerUp($){if(a===null)return;d(null);let[g,x]=[f(a),f(u($))].sort((M,b)=>M-b);Math.abs(u($)-a)>=yt&&g!==x&&s(n[g],n[x])},onKeyDown($){let g={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[$.key];$.key==="Enter"&&v(),$.key.toLowerCase()==="n"&&o&&y!==null&&!wt($)&&($.stopPropagation(),$.preventDefault(),o(n[y].date)),$.key==="Escape"&&y!==null&&($.stopPropagation(),d(null),c(null)),g&&($.preventDefault(),c(h((y??Math.max(0,e.begun-(g<0?0:1)))+g)))}}}}var wt=t=>t.ctrlKey||t.metaKey||t.altKey;function Mt(t,e){let n=new Map;for(let s of e){let o=t.findIndex(l=>l.date===s.day||l.date<s.day&&s.day<l.to.slice(0,10));o>=0&&n.set(o,[...n.get(o)??[],s])}return[...n].sort(([s],[o])=>s-o)}function Et({plan:t,points:e,metric:n,unit:s,width:o}){let l=s==="hour"&&e.length<=ht,c=a=>nt(e[a].ts,s==="hour"&&!l?"day":s);return r`${t.ticks.map(a=>r`<g key=${a}>
      <line class=${a?"grid":"base"} x1=${t.left} x2=${o-pt} y1=${t.y(a)} y2=${t.y(a)} />
      <text class="tick" x=${t.left-8} y=${t.y(a)} dy=".32em" text-anchor="end">${P[n].short(a)}
        </text></g>`)}
    ${t.names.map(a=>r`<text key=${a} class="tick" x=${t.x(a)} y=${G-7}
      text-anchor=${a===0&&e.length>1?"start":"middle"}>${c(a)}</text>`)}`}function Pt({plan:t}){let{now:e,paths:n}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
    <stop offset="1" class="fade1" /></linearGradient></defs>
    <path class="line before" d=${n.before} />
    <path class="area" fill="url(#fade)" d=${n.area} />
    <path class="line now" d=${n.done} />
    <path class="line now part" d=${n.part} />
    ${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var St=({plan:t,from:e,to:n})=>r`<rect class="range" x=${Math.min(e,n)} width=${Math.abs(n-e)}
  y=${C} height=${t.y(0)-C} />`;function At({plan:t,index:e}){let[n,s]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${C} y2=${t.y(0)} />
    ${s&&r`<circle class="dot before" cx=${s[0]} cy=${s[1]} r="3.5" />`}
    ${n&&r`<circle class="dot" cx=${n[0]} cy=${n[1]} r="4.5" />`}`}var Tt=(t,e)=>t===null||!e?null:t/e-1;function Lt({plan:t,index:e,point:n,other:s,metric:o,unit:l,width:c,notes:a}){let{long:d,good:h}=P[o],u=t.x(e),f=e<t.begun&&e!==t.running,y=Tt(n[o],s?.[o]);return r`<div class=${"tip"+(u>c/2?" flip":"")} style=${{"--x":u+"px"}} role="status">
    <div class="tip-row"><span class="key"></span><span>${I(n.ts,l)}
      ${e===t.running?` (${p("soFar")})`:""}</span>
      <b>${e<t.begun?d(n[o]):T}</b>${f&&y!==null&&r`<${ot}
        change=${y} good=${h} />`}</div>
    ${s&&r`<div class="tip-row dim"><span class="key before"></span><span>${I(s.ts,l)}</span>
      <b>${d(s[o])}</b></div>`}
    ${a.map(({id:v,text:i})=>r`<div class="tip-row dim wrap" key=${v}><span class="key note"></span><span>${i}</span>
      </div>`)}
  </div>`}var U={};X(U,{WorldMap:()=>Rt});var Ct=6,ft,Dt=()=>ft??=fetch(z+"world.json").then(t=>t.json());function Rt({rows:t,choose:e}){let[n,s]=w(null),[o,l]=w(null),c=L();if(A(()=>{Dt().then(s,()=>{ft=void 0})},[]),!n)return r`<div class="skeleton map-sk world"></div>`;let a=new Map(t.map(i=>[i.value,i.visitors??0])),d=Math.max(1,...a.values()),h=i=>i?1+Math.floor(Math.sqrt(i/d)*(Ct-.001)):0,u=i=>"land s"+h(a.get(i)??0),f=i=>{let m=i.target.dataset.code,$=c.current.getBoundingClientRect();l(m?{code:m,x:i.clientX-$.left,y:i.clientY-$.top,width:$.width}:null)},y=i=>a.has(i.target.dataset.code)&&e("country",i.target.dataset.code),v=t.slice(0,5).map(i=>`${N("country",i.value)} ${E(i.visitors)}`).join(", ");return r`<div class="map" ref=${c} onPointerMove=${f} onPointerLeave=${()=>l(null)} onClick=${y}>
    <svg viewBox=${`0 0 ${n.w} ${n.h}`} role="img" aria-label=${p("mapLabel",{top:v})}>
      ${Object.entries(n.shapes).map(([i,m])=>r`<path key=${i} data-code=${i}
        class=${u(i)} d=${m} />`)}
      ${Object.entries(n.dots).filter(([i])=>a.has(i)).map(([i,[m,$]])=>r`<circle
        key=${i} data-code=${i} class=${u(i)} cx=${m} cy=${$} r="7" />`)}
    </svg>
    ${o&&r`<div class=${"tip"+(o.x>o.width-170?" flip":"")}
      style=${{"--x":o.x+"px","--y":Math.max(0,o.y-46)+"px"}}>
      <div class="tip-row"><span>${o.code[0]==="_"?o.code.slice(1):N("country",o.code)}</span>
        <b>${E(a.get(o.code)??0)}</b></div></div>`}
  </div>`}var It="page_view";function ge({name:t,tabs:e,more:n=[],data:s,isBusy:o,state:l,choose:c,open:a}){let[d,h]=Z(t),f=_()&&(e[d]?.kind==="map"||e[d]?.kind==="goals"&&!s?.goals.length)&&e.length>1?d+1:d,y=L(),v=Nt(y),i=[...e,...n][f]??e[0],m=Ot(i,s,l,v),$=g=>{let x={ArrowRight:1,ArrowLeft:-1}[g.key];if(!x)return;let M=(Math.min(f,e.length-1)+x+e.length)%e.length;h(M),g.currentTarget.children[M].focus()};return r`<section ref=${y} class=${"card panel"+(o?" busy":"")} aria-label=${p(t)}>
    <div class="tabs">
      <div class="tabs-in" role="tablist" aria-label=${p(t)} onKeyDown=${$}>
        ${e.map((g,x)=>r`<button key=${g.name} role="tab" class="tab" aria-selected=${x===f}
          tabindex=${x===Math.min(f,e.length-1)?0:-1} onClick=${()=>h(x)}>
          ${p(g.name)}</button>`)}
      </div>
      ${n.length>0&&r`<select class=${f>=e.length?"on":""} aria-label=${`${p(t)}: ${p("more")}`}
        value=${String(f)} onChange=${g=>h(Number(g.target.value))}>
        <option value=${f<e.length?String(f):"0"}>${p("more")}</option>
        ${n.map((g,x)=>r`<option key=${g.name}
          value=${String(e.length+x)}>${p(g.name)}</option>`)}
      </select>`}
    </div>
    <div class=${i.kind==="map"?"":"list"}><${jt} tab=${i} list=${m} isNear=${v} data=${s}
      state=${l} choose=${c} /></div>
    <${Ht} tab=${i} list=${m} open=${a} />
  </section>`}function Nt(t){let[e,n]=w(!1);return A(()=>{let s=l=>l.some(c=>c.isIntersecting)&&n(!0),o=new IntersectionObserver(s,{rootMargin:"300px"});return o.observe(t.current),()=>o.disconnect()},[]),e}function Ot(t,e,n,s){let[o,l]=w(null),c=t.kind==="map",a=Q(n);a.set("dimension",t.dimension),a.set("measures","visitors,visits,events"),a.set("limit",String(c?300:j));let d=a.toString(),h=c?void 0:e?.breakdowns[t.dimension],u=s&&e!==null&&!h&&t.kind!=="goals";return A(()=>{if(!u)return;let f=new AbortController;return $t("reports/breakdown?"+d,f.signal).then(y=>l({key:d,list:y}),()=>{}),()=>f.abort()},[u,d,e]),h??(o&&o.list.dimension===t.dimension?o.list:null)}function jt({tab:t,list:e,isNear:n,data:s,state:o,choose:l}){if(!s)return r`<div class=${"skeleton map-sk"+(t.kind==="map"?" world":"")}></div>`;if(t.kind==="goals")return r`<${Ft} goals=${s.goals} />`;let c=e?.rows.length===0;if(t.kind==="map"&&!c)return r`<${Bt} list=${e} isNear=${n} choose=${l} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let a=e.rows.some(h=>h[t.measure]!=null)?t.measure:"visitors",d=a==="events"?0:s[a]??0;return r`<${_t} list=${e} measure=${a} total=${d} most=${j} filter=${o.filter}
    choose=${l} />`}function Ht({tab:t,list:e,open:n}){let s=t.kind==="map",o=e?.value_count??0,l=e?.rows.filter(a=>a.value).length??0,c=s?p("countryCount",{n:E(l)},l):o>j?p("inAll",{n:E(o)},o):"";return r`<div class="panel-foot"><span>${e&&o>0?c:""}</span>
    ${e&&o>0&&r`<button class="more" onClick=${()=>n(t)}><${st} name="expand" size="13" />
      ${p("details")}</button>`}
  </div>`}function Bt({list:t,isNear:e,choose:n}){let s=ut(e,()=>Promise.resolve(U));return!s||!t?r`<div class="skeleton map-sk world"></div>`:r`<${s.WorldMap} rows=${t.rows.filter(o=>o.value)} choose=${n} />`}function _t({list:t,measure:e,total:n,filter:s,choose:o,most:l=1/0}){let{dimension:c}=t,d=t.rows.filter(u=>c!=="type"||u.value!==It).toSorted((u,f)=>(f[e]??0)-(u[e]??0)).slice(0,l);if(!d.length)return r`<${F} title=${p("nothing")}>${p("nothingText")}<//>`;let h=Math.max(1,...d.map(u=>u[e]??0));return r`<table>
    <colgroup><col />${n>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${it(c)}</th>${n>0&&r`<th scope="col">
      <span class="vh">${p("share")}</span></th>`}
      <th scope="col">${p(e)}</th></tr></thead>
    <tbody>${d.map(u=>r`<${Gt} key=${u.value} row=${u} dimension=${c} measure=${e}
      total=${n} max=${h} isChosen=${lt(s,c,u.value)} choose=${o} />`)}</tbody>
  </table>`}function Gt({row:t,dimension:e,measure:n,total:s,max:o,isChosen:l,choose:c}){let a=N(e,t.value),d=t[n],h=t.change?.[n],u=h==null?"":` (${h>0?"+":"−"}${et(h)})`,f=`${E(d)} ${p(n)}${u}`;return r`<tr class=${l?"chosen":""}>
    <td class="row"><${K} part=${(d??0)/o} />
      <button class="cell" aria-pressed=${l} onClick=${()=>c(e,t.value)}
        title=${p(l?"unfilter":"filterBy",{value:t.value||a})}>
        <${ct} dimension=${e} value=${t.value} />
        <span class=${t.value?"lbl":"lbl none"}>${a}</span>
      </button></td>
    ${s>0&&r`<td class="s">${d==null?T:tt(Math.min(1,d/s))}</td>`}
    <td class="v" title=${f}>${P[n].short(d)}</td>
  </tr>`}function Ft({goals:t}){if(!t.length)return r`<${F} title=${p("noGoals")}>${p("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(s=>s.rate??0)),n=t.toSorted((s,o)=>(o.users??-1)-(s.users??-1));return r`<table>
    <colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
    <thead>
      <tr><th scope="col">${p("goal")}</th><th scope="col">${p("rate")}</th><th scope="col">${p("visitors")}</th></tr>
    </thead>
    <tbody>${n.slice(0,j).map(s=>r`<tr key=${s.id}>
      <td class="row"><${K} part=${(s.rate??0)/e} /><span class="cell">
        <span class="lbl">${s.name}</span></span></td>
      <td class="s">${J(s.rate)}</td>
      <td class="v" title=${s.users==null?p("notCounted"):`${E(s.conversions)} ${p("conversions")}`}>
        ${P.visitors.short(s.users)}</td>
    </tr>`)}</tbody>
  </table>`}var Wt={};X(Wt,{PointTable:()=>Kt});function Kt({points:t,before:e,metric:n,unit:s,label:o,now:l}){let{long:c}=P[n],{begun:a,running:d}=W(t,l);return r`<div class="points" tabindex="0" role="region" aria-label=${o}><table>
    <thead><tr><th scope="col">${p("date")}</th><th scope="col">${p(n)}
      </th>${e&&r`<th scope="col">${p("before")}</th>`}</tr></thead>
    <tbody>${t.map((h,u)=>r`<tr key=${h.ts}>
      <th scope="row">${I(h.ts,s)}${u===d?` (${p("soFar")})`:""}</th>
      <td>${u<a?c(h[n]):T}</td>${e&&r`<td class="none">
        ${e[u]?c(e[u][n]):T}</td>`}</tr>`)}</tbody>
  </table></div>`}export{te as a,ge as b,_t as c,Wt as d};
