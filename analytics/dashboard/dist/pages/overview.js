import{g as Dt,h as _t,i as At,j as Nt}from"../chunks/chunk-NQ2OXTKE.js";import{a as Et,b as Tt,c as Ct,d as Pt}from"../chunks/chunk-KQHLB2R2.js";import{a as Lt,c as Bt}from"../chunks/chunk-PKGQNYTP.js";import{$ as z,A as F,B as yt,D as W,E as A,H as bt,I as T,J as N,K as C,M as wt,N as kt,O as xt,P as Mt,Q as V,R as P,S as St,T as B,U as tt,W as et,Z as U,a as q,b as y,ba as Rt,c as E,ca as L,d as dt,da as Ot,e as D,ea as Ht,f as mt,fa as It,g as Z,h as r,ha as jt,i as H,ia as Ft,j as pt,k as ft,l as Q,la as Ut,ma as c,n as K,na as zt,o as X,q as I,u as ht,v as J,x as vt,y as j,z as gt}from"../chunks/chunk-JKRTTABF.js";var st=280,R=14,ee=26,Gt=12,se=8,ne=[1,2,2.5,5,10],oe=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,14400];function re(t,e){let s=t/5;if(e==="avg_visit_duration_s")return oe.find(a=>a>=s)??3600*Math.ceil(s/3600);if(!["bounce_rate","views_per_visit"].includes(e)&&t<=5)return 1;let n=10**Math.floor(Math.log10(s||1)),o=a=>a!==2.5||n>=10||n<1;return ne.find(a=>a*n>=s*.999&&o(a))*n}function Y(t){let e="";return t.forEach((s,n)=>{s&&(e+=(t[n-1]?"L":"M")+s[0].toFixed(1)+" "+s[1].toFixed(1))}),e}function ae(t,e){let s="",n=-1;return t.concat(null).forEach((o,a)=>{if(o&&n<0&&(n=a),!o&&n>=0){let u=t.slice(n,a);u.length>1&&(s+=`${Y(u)}L${u[u.length-1][0]} ${e}L${u[0][0]} ${e}Z`),n=-1}}),s}function nt(t,e){let s=t.filter(n=>Date.parse(n.ts)<=e).length;return{begun:s,running:s>0&&Date.parse(t[s-1].to)>e?s-1:-1}}function ie(t,e,s,n,o){let a=t.length,u=n<560,i=u?38:46,l=n-i-Gt,{begun:p,running:m}=nt(t,o),f=t.slice(0,p).map(M=>M[s]),h=e?.slice(0,a).map(M=>M[s])??[],x=Math.max(1e-9,...f.map(Number),...h.map(Number)),$=re(x,s),v=Math.max($,Math.ceil(x*1.02/$)*$),d=M=>a===1?i+l/2:i+M/(a-1)*l,b=M=>R+(1-(M??0)/v)*(st-R-ee),k=(M,O)=>M==null?null:[d(O),b(M)],g=Array.from({length:Math.round(v/$)+1},(M,O)=>O*$),S=Math.ceil(a/Math.max(2,Math.floor(l/(u?64:84)))),_=M=>M%S===0&&(M===0||d(M)<n-24),Jt=t.map((M,O)=>O).filter(_),[G,ut]=[f.map(k),h.map(k)],$t=m>0?G.slice(0,m):G,te={before:Y(ut),area:ae($t,b(0)),done:Y($t),part:m>0?Y(G.slice(m-1,m+1)):""};return{x:d,y:b,ticks:g,names:Jt,left:i,inner:l,begun:p,running:m,now:G,before:ut,paths:te}}function qt({points:t,before:e,metric:s,unit:n,label:o,notes:a,now:u,zoom:i,annotate:l,Marks:p,openNotes:m}){let f=D(),h=ue(f),$=mt(()=>h&&t.length?ie(t,e,s,h,u):null,[t,e,s,h]),{at:v,from:d,setAt:b,handlers:k}=le(f,$,t,i,l);if(!$)return r`<div class="chart" ref=${f}></div>`;let g=v===null?null:Math.min(v,t.length-1),S=$e(t,a);return r`<div class="chart" ref=${f}>
    <svg width=${h} height=${st} role="img" aria-label=${o} tabindex="0" ...${k}>
      <${de} plan=${$} points=${t} metric=${s} unit=${n} width=${h} />
      <${me} plan=${$} />
      ${S.map(([_])=>r`<line key=${_} class="note-line" x1=${$.x(_)} x2=${$.x(_)} y1=${R}
        y2=${$.y(0)} />`)}
      ${d!==null&&g!==null&&r`<${pe} plan=${$} from=${d} to=${$.x(g)} />`}
      ${g!==null&&r`<${fe} plan=${$} index=${g} />`}
    </svg>
    ${p&&r`<${p} marks=${S} plan=${$} read=${b} open=${m} />`}
    ${g!==null&&r`<${he} plan=${$} index=${g} point=${t[g]} other=${e?.[g]}
      metric=${s} unit=${n} width=${h} notes=${S.find(([_])=>_===g)?.[1]??[]} />`}
  </div>`}function le(t,e,s,n,o){let[a,u]=y(null),[i,l]=y(null);if(!e)return{at:a,from:i,setAt:u,handlers:{}};let p=d=>Math.max(0,Math.min(s.length-1,d)),m=d=>d.clientX-t.current.getBoundingClientRect().left,f=d=>p(Math.round((d-e.left)/e.inner*(s.length-1))),h=a===null?null:p(a),x=()=>h!==null&&n(s[h],s[h]),$=d=>i===null&&d.pointerType!=="touch"&&u(null);return{at:a,from:i,setAt:u,handlers:{onPointerMove:d=>u(f(m(d))),onPointerLeave:$,onBlur:$,onDblClick:x,onPointerDown(d){u(f(m(d))),!(d.pointerType!=="mouse"||d.button)&&(d.currentTarget.setPointerCapture(d.pointerId),l(m(d)))},onPointerUp(d){if(i===null)return;l(null);let[b,k]=[f(i),f(m(d))].sort((g,S)=>g-S);Math.abs(m(d)-i)>=se&&b!==k&&n(s[b],s[k])},onKeyDown(d){let b={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[d.key];d.key==="Enter"&&x(),d.key.toLowerCase()==="n"&&o&&h!==null&&!ce(d)&&(d.stopPropagation(),d.preventDefault(),o(s[h].date)),d.key==="Escape"&&h!==null&&(d.stopPropagation(),l(null),u(null)),b&&(d.preventDefault(),u(p((h??Math.max(0,e.begun-(b<0?0:1)))+b)))}}}}var ce=t=>t.ctrlKey||t.metaKey||t.altKey;function ue(t){let[e,s]=y(0);return dt(()=>{let n=new ResizeObserver(([o])=>s(Math.round(o.contentRect.width)));return n.observe(t.current),s(t.current.clientWidth),()=>n.disconnect()},[]),e}function $e(t,e){let s=new Map;for(let n of e){let o=t.findIndex(a=>a.date===n.day||a.date<n.day&&n.day<a.to.slice(0,10));o>=0&&s.set(o,[...s.get(o)??[],n])}return[...s].sort(([n],[o])=>n-o)}function de({plan:t,points:e,metric:s,unit:n,width:o}){let a=n==="hour"&&e.length<=48,u=i=>St(e[i].ts,n==="hour"&&!a?"day":n);return r`${t.ticks.map(i=>r`<g key=${i}>
      <line class=${i?"grid":"base"} x1=${t.left} x2=${o-Gt} y1=${t.y(i)} y2=${t.y(i)} />
      <text class="tick" x=${t.left-8} y=${t.y(i)} dy=".32em" text-anchor="end">${P[s].short(i)}
        </text></g>`)}
    ${t.names.map(i=>r`<text key=${i} class="tick" x=${t.x(i)} y=${st-7}
      text-anchor=${i===0&&e.length>1?"start":"middle"}>${u(i)}</text>`)}`}function me({plan:t}){let{now:e,paths:s}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
    <stop offset="1" class="fade1" /></linearGradient></defs>
    <path class="line before" d=${s.before} />
    <path class="area" fill="url(#fade)" d=${s.area} />
    <path class="line now" d=${s.done} />
    <path class="line now part" d=${s.part} />
    ${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var pe=({plan:t,from:e,to:s})=>r`<rect class="range" x=${Math.min(e,s)} width=${Math.abs(s-e)}
  y=${R} height=${t.y(0)-R} />`;function fe({plan:t,index:e}){let[s,n]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${R} y2=${t.y(0)} />
    ${n&&r`<circle class="dot before" cx=${n[0]} cy=${n[1]} r="3.5" />`}
    ${s&&r`<circle class="dot" cx=${s[0]} cy=${s[1]} r="4.5" />`}`}function he({plan:t,index:e,point:s,other:n,metric:o,unit:a,width:u,notes:i}){let{long:l}=P[o],p=t.x(e);return r`<div class=${"tip"+(p>u/2?" flip":"")} style=${{"--x":p+"px"}} role="status">
    <div class="tip-row"><span class="key"></span><span>${B(s.ts,a)}
      ${e===t.running?` (${c("soFar")})`:""}</span>
      <b>${e<t.begun?l(s[o]):N}</b></div>
    ${n&&r`<div class="tip-row dim"><span class="key before"></span><span>${B(n.ts,a)}</span>
      <b>${l(n[o])}</b></div>`}
    ${i.map(({id:m,text:f})=>r`<div class="tip-row dim wrap" key=${m}><span class="key note"></span><span>${f}</span>
      </div>`)}
  </div>`}var ot={};q(ot,{WorldMap:()=>ye});var ve=6,Kt,ge=()=>Kt??=fetch(ft+"world.json").then(t=>t.json());function ye({rows:t,choose:e}){let[s,n]=y(null),[o,a]=y(null),u=D();if(E(()=>{ge().then(n,()=>{Kt=void 0})},[]),!s)return r`<div class="skeleton map-sk"></div>`;let i=new Map(t.map($=>[$.value,$.visitors??0])),l=Math.max(1,...i.values()),p=$=>$?1+Math.floor(Math.sqrt($/l)*(ve-.001)):0,m=$=>"land s"+p(i.get($)??0),f=$=>{let v=$.target.dataset.code,d=u.current.getBoundingClientRect();a(v?{code:v,x:$.clientX-d.left,y:$.clientY-d.top,width:d.width}:null)},h=$=>i.has($.target.dataset.code)&&e("country",$.target.dataset.code),x=t.slice(0,5).map($=>`${U("country",$.value)} ${C($.visitors)}`).join(", ");return r`<div class="map" ref=${u} onPointerMove=${f} onPointerLeave=${()=>a(null)} onClick=${h}>
    <svg viewBox=${`0 0 ${s.w} ${s.h}`} role="img" aria-label=${c("mapLabel",{top:x})}>
      ${Object.entries(s.shapes).map(([$,v])=>r`<path key=${$} data-code=${$}
        class=${m($)} d=${v} />`)}
      ${Object.entries(s.dots).filter(([$])=>i.has($)).map(([$,[v,d]])=>r`<circle
        key=${$} data-code=${$} class=${m($)} cx=${v} cy=${d} r="7" />`)}
    </svg>
    ${o&&r`<div class=${"tip"+(o.x>o.width-170?" flip":"")}
      style=${{"--x":o.x+"px","--y":Math.max(0,o.y-46)+"px"}}>
      <div class="tip-row"><span>${o.code[0]==="_"?o.code.slice(1):U("country",o.code)}</span>
        <b>${C(i.get(o.code)??0)}</b></div></div>`}
  </div>`}var be="page_view";function Wt({name:t,tabs:e,more:s=[],data:n,isBusy:o,state:a,choose:u,open:i}){let[l,p]=y(0),m=D(),f=we(m),h=[...e,...s][l],x=ke(h,n,a,f),$=v=>{let d={ArrowRight:1,ArrowLeft:-1}[v.key];if(!d)return;let b=(Math.min(l,e.length-1)+d+e.length)%e.length;p(b),v.currentTarget.children[b].focus()};return r`<section ref=${m} class=${"card panel"+(o?" busy":"")} aria-label=${c(t)}>
    <div class="tabs">
      <div class="tabs-in" role="tablist" aria-label=${c(t)} onKeyDown=${$}>
        ${e.map((v,d)=>r`<button key=${v.name} role="tab" class="tab" aria-selected=${d===l}
          tabindex=${d===Math.min(l,e.length-1)?0:-1} onClick=${()=>p(d)}>
          ${c(v.name)}</button>`)}
      </div>
      ${s.length>0&&r`<select class=${l>=e.length?"on":""} aria-label=${`${c(t)}: ${c("more")}`}
        value=${String(l)} onChange=${v=>p(Number(v.target.value))}>
        <option value=${l<e.length?String(l):"0"}>${c("more")}</option>
        ${s.map((v,d)=>r`<option key=${v.name}
          value=${String(e.length+d)}>${c(v.name)}</option>`)}
      </select>`}
    </div>
    <div class=${h.kind==="map"?"":"list"}><${xe} tab=${h} list=${x} isNear=${f} data=${n}
      state=${a} choose=${u} /></div>
    <${Me} tab=${h} list=${x} open=${i} />
  </section>`}function we(t){let[e,s]=y(!1);return E(()=>{let n=a=>a.some(u=>u.isIntersecting)&&s(!0),o=new IntersectionObserver(n,{rootMargin:"300px"});return o.observe(t.current),()=>o.disconnect()},[]),e}function ke(t,e,s,n){let[o,a]=y(null),u=t.kind==="map",i=j(s);i.set("dimension",t.dimension),i.set("measures","visitors,visits,events"),i.set("limit",String(u?300:F));let l=i.toString(),p=u?void 0:e?.breakdowns[t.dimension],m=n&&e!==null&&!p&&t.kind!=="goals";return E(()=>{if(!m)return;let f=new AbortController;return A("reports/breakdown?"+l,f.signal).then(h=>a({key:l,list:h}),()=>{}),()=>f.abort()},[m,l,e]),p??(o&&o.list.dimension===t.dimension?o.list:null)}function xe({tab:t,list:e,isNear:s,data:n,state:o,choose:a}){if(!n)return r`<div class="skeleton map-sk"></div>`;if(t.kind==="goals")return r`<${Ce} goals=${n.goals} />`;let u=e?.rows.length===0;if(t.kind==="map"&&!u)return r`<${Se} list=${e} isNear=${s} choose=${a} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let i=e.rows.some(p=>p[t.measure]!=null)?t.measure:"visitors",l=i==="events"?0:n[i]??0;return r`<${Ee} list=${e} measure=${i} total=${l} most=${F} filter=${o.filter}
    choose=${a} />`}function Me({tab:t,list:e,open:s}){let n=e?.value_count??0,o=t.kind==="map"?c("countryCount",{n:C(n)},n):n>F?c("inAll",{n:C(n)},n):"";return r`<div class="panel-foot"><span>${e&&n>0?o:""}</span>
    ${e&&n>0&&r`<button class="more" onClick=${()=>s(t)}><${z} name="expand" size="13" />
      ${c("details")}</button>`}
  </div>`}function Se({list:t,isNear:e,choose:s}){let n=T(e,()=>Promise.resolve(ot));return!n||!t?r`<div class="skeleton map-sk"></div>`:r`<${n.WorldMap} rows=${t.rows.filter(o=>o.value)} choose=${s} />`}function Ee({list:t,measure:e,total:s,filter:n,choose:o,most:a=1/0}){let{dimension:u}=t,l=t.rows.filter(m=>u!=="type"||m.value!==be).toSorted((m,f)=>(f[e]??0)-(m[e]??0)).slice(0,a);if(!l.length)return r`<${L} title=${c("nothing")}>${c("nothingText")}<//>`;let p=Math.max(1,...l.map(m=>m[e]??0));return r`<table>
    <colgroup><col />${s>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${zt(u)}</th>${s>0&&r`<th scope="col">
      <span class="vh">${c("share")}</span></th>`}
      <th scope="col">${c(e)}</th></tr></thead>
    <tbody>${l.map(m=>r`<${Te} key=${m.value} row=${m} dimension=${u} measure=${e}
      total=${s} max=${p} isChosen=${Dt(n,u,m.value)} choose=${o} />`)}</tbody>
  </table>`}function Te({row:t,dimension:e,measure:s,total:n,max:o,isChosen:a,choose:u}){let i=U(e,t.value),l=t[s],p=t.change?.[s],m=p==null?"":` (${p>0?"+":"−"}${xt(p)})`,f=`${C(l)} ${c(s)}${m}`;return r`<tr class=${a?"chosen":""}>
    <td class="row"><span class="fill" style=${{"--w":(l??0)/o*100+"%"}}></span>
      <button class="cell" aria-pressed=${a} onClick=${()=>u(e,t.value)}
        title=${c(a?"unfilter":"filterBy",{value:t.value||i})}>
        <${Rt} dimension=${e} value=${t.value} />
        <span class=${t.value?"lbl":"lbl none"}>${i}</span>
      </button></td>
    ${n>0&&r`<td class="s">${l==null?N:kt(Math.min(1,l/n))}</td>`}
    <td class="v" title=${f}>${P[s].short(l)}</td>
  </tr>`}function Ce({goals:t}){if(!t.length)return r`<${L} title=${c("noGoals")}>${c("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(s=>s.rate??0));return r`<table>
    <colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
    <thead>
      <tr><th scope="col">${c("goal")}</th><th scope="col">${c("rate")}</th><th scope="col">${c("visitors")}</th></tr>
    </thead>
    <tbody>${t.slice(0,F).map(s=>r`<tr key=${s.id}>
      <td class="row"><span class="fill" style=${{"--w":(s.rate??0)/e*100+"%"}}></span><span class="cell">
        <span class="lbl">${s.name}</span></span></td>
      <td class="s">${wt(s.rate)}</td>
      <td class="v" title=${s.users==null?c("notCounted"):`${C(s.conversions)} ${c("conversions")}`}>
        ${P.visitors.short(s.users)}</td>
    </tr>`)}</tbody>
  </table>`}var rt={};q(rt,{LiveCount:()=>De});var Vt=2e3,Pe=3e4;function De(){let t=_e(),e=t?.current_visitors??0;return r`<span class="live" title=${c("onlineTitle")}><span class=${e?"pulse":"pulse off"}></span>
    ${t?r`<span><b class="num">${C(e)}</b> <span class="words">${c("online",{},e)}</span>
      </span>${t.series&&r`<${Bt} values=${t.series.map(s=>s.views)} />`}`:c("live")}
  </span>`}function _e(){let[t,e]=y(null);return E(()=>{let s="?site="+encodeURIComponent(H),n=0,o,a=()=>{clearTimeout(n),n=setTimeout(a,Pe),A("reports/realtime"+s+"&limit=1").then(e,()=>{})},u=0,i=()=>{u>Date.now()||(u=Date.now()+Vt,clearTimeout(n),n=setTimeout(a,Vt))},l=()=>{clearTimeout(n),o?.close(),o=void 0},p=()=>{if(document.hidden)return l();a(),o??=new EventSource(W("reports/live"+s)),o.onmessage=i,o.addEventListener("event",i)};return p(),document.addEventListener("visibilitychange",p),()=>{l(),document.removeEventListener("visibilitychange",p)}},[]),t}var at={};q(at,{PointTable:()=>Ae});function Ae({points:t,before:e,metric:s,unit:n,label:o,now:a}){let{long:u}=P[s],{begun:i,running:l}=nt(t,a);return r`<div class="points" tabindex="0" role="region" aria-label=${o}><table>
    <thead><tr><th scope="col">${c("date")}</th><th scope="col">${c(s)}
      </th>${e&&r`<th scope="col">${c("before")}</th>`}</tr></thead>
    <tbody>${t.map((p,m)=>r`<tr key=${p.ts}>
      <th scope="row">${B(p.ts,n)}${m===l?` (${c("soFar")})`:""}</th>
      <td>${m<i?u(p[s]):N}</td>${e&&r`<td class="none">
        ${e[m]?u(e[m][s]):N}</td>`}</tr>`)}</tbody>
  </table></div>`}var lt={};q(lt,{Heat:()=>Le});var Ne=new Intl.DateTimeFormat(Ut,{weekday:"short",timeZone:"UTC"}),it=Array.from({length:7},(t,e)=>Ne.format(Date.UTC(1970,0,5+e))),Yt=6;function Le({cells:t,zone:e}){let[s,n]=y(null),o=t.flat(),a=Math.max(1,...o),u=o.indexOf(Math.max(...o)),i={day:it[Math.floor(u/24)],hour:`${V(u%24)}:00`},l=e+(o[u]?" · "+c("busiest",i):""),p=f=>f?1+Math.min(Yt-1,Math.floor(f/a*(Yt-.001))):0,m=f=>n(f.target.dataset.at?.split(",").map(Number)??null);return r`<div class="heat" role="img" aria-label=${c("heatLabel",i)} onPointerMove=${m}
    onPointerLeave=${()=>n(null)}>
      ${t.map((f,h)=>r`<span class="heat-day" key=${h}>${it[h]}</span>
        ${f.map((x,$)=>r`<i key=${`${h},${$}`} data-at=${`${h},${$}`} class=${"h"+p(x)}></i>`)}`)}
      <span></span>${[0,3,6,9,12,15,18,21].map(f=>r`<span key=${f} class="heat-hour">${V(f)}
        </span>`)}
    </div>
    <div class="panel-foot"><span class="num">
      ${s?c("heatCell",{day:it[s[0]],hour:`${V(s[1])}:00`,n:C(t[s[0]][s[1]])}):l}
    </span></div>`}var ct=document.documentElement,Qt=Promise.resolve(Ft).catch(()=>null),Zt=6e4,w=(t,e,s,n)=>({name:t,dimension:e,measure:s,kind:n}),Re=[{name:"pages",tabs:[w("topPages","path","visitors"),w("entryPages","entry_path","visits"),w("exitPages","exit_path","visits")]},{name:"sources",tabs:[w("channels","channel","visits"),w("sources","source","visits"),w("referrers","referrer","visits"),w("campaigns","utm_campaign","visits")],more:["utm_source","utm_medium","utm_term","utm_content"].map(t=>w(t,t,"visits"))},{name:"locations",tabs:[w("map","country","visitors","map"),w("countries","country","visitors"),w("regions","region","visitors"),w("cities","city","visitors")]},{name:"devices",tabs:[w("browsers","browser","visitors"),w("systems","os","visitors"),w("devices","device","visitors")],more:[w("screens","screen","visitors"),w("languages","language","visitors")]},{name:"goalsAndEvents",tabs:[w("goals","goals","visitors","goals"),w("customEvents","type","events")]}];function Oe({pages:t}){let[e,s]=gt(),[n,o]=y(null),[a,u]=y(!1),i=bt(yt(e)),{data:l,isBusy:p,error:m}=i,f=He("overview",l!==null&&!p),[h,x]=qe(e,f),[$,v]=y(null),d=Z((g,S)=>s({filter:_t(e.filter,g,S)}),[e.filter]);Ie(l,i.retry),je({state:e,go:s,pages:t,open:o});let b=p&&l!==null,k=Ke(l!==null&&Xt(l));return r`<${Ot} pages=${t} current="overview" isOpen=${a} close=${()=>u(!1)}
    openHelp=${()=>o({kind:"help"})} />
    <main id="main" class="main" tabindex="-1">
      <${Be} state=${e} go=${s} isDrawn=${f} openDrawer=${()=>u(!0)} open=${o} />
      <${Ue} error=${m} retry=${i.retry} go=${s} />
      <${At} state=${e} go=${s} edit=${g=>o({kind:"filter",index:g})} />
      <section class=${"card hero"+(b?" busy":"")} aria-label=${c("overview")}>
        <${Lt} data=${l} metric=${e.metric} choose=${g=>s({metric:g},!0)} />
        <${ze} data=${l} state=${e} go=${s} notes=${h} hasEvents=${k} open=${o} />
      </section>
      ${k&&r`<div class="panels">
        ${Re.map(g=>r`<${Wt} key=${g.name} ...${g} data=${l} isBusy=${b} state=${e}
          choose=${d}
          open=${S=>o({kind:"details",tab:S})} />`)}
        <${Ve} data=${l} isBusy=${b} />
      </div>`}
      ${l&&r`<${Ye} data=${l} took=${i.took} isFailed=${m!==null} />`}
    </main>
    <${Qe} opened=${n} state=${e} go=${s} pages=${t} choose=${d} close=${()=>o(null)}
      reloadNotes=${x} say=${v} />
    <${Ze} said=${$} close=${()=>v(null)} />`}function He(t,e){let[s,n]=y(!1);return E(()=>{if(!e)return;let o=!0,a=()=>{o&&(ct.dataset.drawn=t,n(!0))};return requestAnimationFrame(()=>setTimeout(()=>Qt.then(a))),()=>{o=!1,delete ct.dataset.drawn}},[e]),s}function Ie(t,e){E(()=>{if(!t||Date.parse(t.meta.to)<Date.now())return;let s=setTimeout(()=>!document.hidden&&e(),Zt),n=()=>!document.hidden&&Date.now()-Date.parse(t.meta.computed_at)>Zt&&e();return document.addEventListener("visibilitychange",n),()=>{clearTimeout(s),document.removeEventListener("visibilitychange",n)}},[t])}function je(t){let e=D(t);e.current=t,E(()=>{Qt.then(s=>s?.listen(n=>Fe(n,e.current)))},[])}function Fe(t,{state:e,go:s,pages:n,open:o}){let a=I.find(l=>l.key.toLowerCase()===t);if(a)return()=>s({period:a.name,unit:""});let u=n.find(l=>"g "+l.key.toLowerCase()===t);if(u)return()=>location.assign(Ht(u));let i={c:()=>s({compare:e.compare==="none"?"previous":"none"}),"/":()=>o({kind:"filter",index:null}),"?":()=>o({kind:"help"}),...Q("write")&&{n:()=>o({kind:"notes",day:J(e)[1],notes:[]})},"g s":()=>location.assign("/")};return t==="escape"&&e.filter?()=>s({filter:""}):i[t]}function Be({state:t,go:e,isDrawn:s,openDrawer:n,open:o}){let a=T(s,()=>Promise.resolve(rt));return r`<div class="head">
    <${jt} open=${n} />
    <h1 class="vh">${ct.dataset.name}: ${c("overview")}</h1>
    <${It} />
    ${a?r`<${a.LiveCount} />`:r`<span class="live"><span class="pulse off"></span>${c("live")}</span>`}
    <div class="head-tools">
      <${Nt} state=${t} go=${e} add=${()=>o({kind:"filter",index:null})}
        save=${()=>o({kind:"segment"})} />
      <${Tt} state=${t} go=${e} />
      <${Et} state=${t} go=${e} />
    </div>
  </div>`}function Ue({error:t,retry:e,go:s}){if(!t)return null;let{days:n}=t,o=()=>s({period:"custom",from:X(K(),1-Number(n)),to:K(),unit:""});return r`<div class="card alert" role="alert">
    <div><b>${c(t.status?"problem":"offline")}</b><div>${t.message}</div></div>
    ${n&&r`<button class="btn" onClick=${o}>${c("lastDays",{n},n)}</button>`}
    <button class="btn" onClick=${e}>${c("tryAgain")}</button>
  </div>`}function ze({data:t,state:e,go:s,notes:n,hasEvents:o,open:a}){let u=e.metric,i=T(n.length>0,()=>import("../chunks/notes-5TFDMH5J.js")),l=T(e.view==="table",()=>Promise.resolve(at));if(!t)return r`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`;let p=c(u),m=t.granularity,f=c(m+"Unit"),h=c("chartLabel",{measure:p,unit:f,value:P[u].long(t[u])}),x=Date.parse(t.meta.computed_at),$={points:t.series,before:t.previous?.series,metric:u,unit:m,label:h,now:x},v=(k,g)=>{let S=m==="hour"?g.date:X(g.to.slice(0,10),-1);(k.date!==S||t.series[0].date!==S)&&s({period:"custom",from:k.date,to:S,unit:""})},d=Q("write")?k=>a({kind:"notes",day:k,notes:[]}):void 0,b=k=>a({kind:"notes",day:k[0].day,notes:k});return r`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${p}, ${tt(t.meta.from,t.meta.to)}</span>
      ${t.previous&&r`<span class="legend"><span class="key before"></span>
        ${tt(t.previous.from,t.previous.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${Ct} state=${e} go=${s} /><${Pt} state=${e} go=${s} />
        ${d&&r`<button class="iconbtn" aria-label=${c("addNote")} title=${c("addNote")+" (N)"}
          onClick=${()=>d(J(e)[1])}><${z} name="note" /></button>`}
        <a class="iconbtn" href=${Ge(e)} download title=${c("csv")} aria-label=${c("csv")}>
          <${z} name="download" /></a></span>
    </div>
    ${Xt(t)?r`<${We} state=${e} go=${s} hasEvents=${o} />`:e.view==="table"&&l?r`<${l.PointTable} ...${$} />`:r`<${qt} ...${$} notes=${n} zoom=${v} annotate=${d}
          Marks=${i?.NoteMarks} openNotes=${b} />`}
  </div>`}function Ge(t){let e=j(t);return e.set("granularity",vt(t)),W("reports/timeseries?"+e+"&format=csv")}function qe(t,e){let[s,n]=y(0),[o,a]=y([]),u=j(t,"").toString();return E(()=>{if(!e)return;let i=new AbortController;return A("notes?"+u,i.signal).then(l=>a(l.notes),()=>{}),()=>i.abort()},[e,u,s]),[o,Z(()=>n(i=>i+1),[])]}var Xt=t=>!t.page_views&&!t.events;function Ke(t){let[e,s]=y(!0);return E(()=>{if(!t)return s(!0);let n=o=>s(o.sites.find(a=>a.key===H)?.first_event_at!==null);A("me").then(n,()=>{})},[t]),e}function We({state:t,go:e,hasEvents:s}){if(!s)return r`<${L} title=${c("emptySite")}>${c("emptySiteText")}<div>
    <a class="btn" href=${`/sites/${encodeURIComponent(H)}/start`}>${c("install")}</a></div><//>`;if(t.filter)return r`<${L} title=${c("emptyFiltered")}><button class="btn"
    onClick=${()=>e({filter:""})}>${c("clearFilters")}</button><//>`;let n=I.find(o=>Number(o.query(K()).days)>ht(t)[1])??I[I.length-1];return r`<${L} title=${c("emptyTitle")}>${c("emptyText")}<div><button class="btn"
    onClick=${()=>e({period:n.name,unit:""})}>${c(n.name)}</button></div><//>`}function Ve({data:t,isBusy:e}){let s=T(t!==null,()=>Promise.resolve(lt));return r`<section class=${"card panel"+(e?" busy":"")} aria-label=${c("busiestHours")}>
    <div class="tabs"><h2 class="tab on">${c("busiestHours")}</h2></div>
    ${s&&t?r`<${s.Heat} cells=${t.busiest_hours.page_views} zone=${pt} />`:r`<div
      class="skeleton map-sk"></div><div class="panel-foot"></div>`}
  </section>`}function Ye({data:t,took:e,isFailed:s}){let{meta:n}=t;return r`<footer class="fresh">
    ${s&&r`<span class="stale">${c("staleAt",{time:et(n.computed_at)})}</span>`}
    ${n.complete_through&&r`<span class="num">${c("completeThrough",{time:et(n.complete_through)})}</span>`}
    <span>${c("zone",{zone:n.zone})}</span>
    <span>${c(n.source==="raw"?"raw":"rollup")}</span>
    <span class="num">${c("took",{time:e<1e3?`${Math.round(e)} ms`:Mt(e/1e3)})}</span>
    <span>${c("distinct")}</span>
  </footer>`}function Ze({said:t,close:e}){let s=T(t!==null,()=>import("../chunks/toast-IG7GO2TC.js"));return r`<div class="toasts" role="status">${t&&s&&r`<${s.Toast} said=${t} close=${e} />`}
    </div>`}function Qe({opened:t,state:e,go:s,pages:n,choose:o,close:a,reloadNotes:u,say:i}){let l=t?.kind,p=T(l==="details",()=>import("../chunks/details-KGXDZPC6.js")),m=T(l==="filter"||l==="segment",()=>import("../chunks/filter_dialog-I6C6WYPJ.js")),f=T(l==="help",()=>import("../chunks/help-3UJUGSPM.js")),h=T(l==="notes",()=>import("../chunks/notes-UFBWDZ5F.js"));return t?.kind==="details"&&p?r`<${p.default} tab=${t.tab} state=${e}
    choose=${o} close=${a} />`:t?.kind==="filter"&&m?r`<${m.default} state=${e} go=${s} index=${t.index}
    close=${a} />`:t?.kind==="segment"&&m?r`<${m.SegmentDialog} state=${e} go=${s} close=${a} />`:t?.kind==="notes"&&h?r`<${h.default} ...${t} reload=${u} say=${i}
    close=${a} />`:t?.kind==="help"&&f?r`<${f.default} pages=${n} close=${a} />`:null}export{Oe as default};
