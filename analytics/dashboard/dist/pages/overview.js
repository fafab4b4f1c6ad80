import{a as Rt,b as Ht}from"../chunks/chunk-TVH5PFDA.js";import{a as te}from"../chunks/chunk-6ZJ4SIC7.js";import"../chunks/chunk-SGWTRT2D.js";import{Aa as Vt,B as St,Ba as N,C as U,Ca as it,Da as Yt,Ea as Zt,F as Pt,Fa as Qt,H as P,Ha as Xt,I as L,Ia as Jt,J as C,M as Ct,Oa as ee,Pa as i,Q as Dt,Qa as se,R as At,S as Tt,T as Y,U as D,V as Lt,W as z,X as Z,Y as rt,a as tt,b as w,ba as at,c as S,ca as Nt,d as A,e as vt,ea as G,f as et,fa as _t,g as r,ga as _,h as st,ha as Ot,i as gt,ia as K,j as bt,ja as It,k as I,l as yt,m as q,ma as jt,n as V,na as Ft,o as nt,oa as Bt,p as j,pa as Ut,ra as zt,s as kt,t as ot,u as wt,v as F,w as xt,wa as Gt,x as Et,xa as Kt,y as B,ya as Wt,z as Mt,za as qt}from"../chunks/chunk-U5DHTGOJ.js";var ne=1040,Q=globalThis.matchMedia?.("print");function X(){let[t,e]=w(()=>Q?.matches??!1);return S(()=>{let s=()=>e(!0),n=()=>e(!1),o=()=>e(Q?.matches??!1);return addEventListener("beforeprint",s),addEventListener("afterprint",n),Q?.addEventListener("change",o),()=>{removeEventListener("beforeprint",s),removeEventListener("afterprint",n),Q?.removeEventListener("change",o)}},[]),t}var J=280,R=14,pe=26,oe=12,fe=8;function he(t,e){let s="",n=-1;return t.concat(null).forEach((o,a)=>{if(o&&n<0&&(n=a),!o&&n>=0){let $=t.slice(n,a);$.length>1&&(s+=`${K($)}L${$[$.length-1][0]} ${e}L${$[0][0]} ${e}Z`),n=-1}}),s}function lt(t,e){let s=t.filter(n=>Date.parse(n.ts)<=e).length;return{begun:s,running:s>0&&Date.parse(t[s-1].to)>e?s-1:-1}}function ve(t,e,s,n,o){let a=t.length,$=n<560,l=$?38:46,c=n-l-oe,{begun:f,running:u}=lt(t,o),p=t.slice(0,f).map(M=>M[s]),h=e?.slice(0,a).map(M=>M[s])??[],b=Math.max(1e-9,...p.map(Number),...h.map(Number)),d=Ot(b,s),v=Math.max(d,Math.ceil(b*1.02/d)*d),m=M=>a===1?l+c/2:l+M/(a-1)*c,g=M=>R+(1-(M??0)/v)*(J-R-pe),y=(M,O)=>M==null?null:[m(O),g(M)],x=Array.from({length:Math.round(v/d)+1},(M,O)=>O*d),k=Math.ceil(a/Math.max(2,Math.floor(c/($?64:84)))),H=M=>M%k===0&&(M===0||m(M)<n-24),T=t.map((M,O)=>O).filter(H),[W,ft]=[p.map(y),h.map(y)],ht=u>0?W.slice(0,u):W,me={before:K(ft),area:he(ht,g(0)),done:K(ht),part:u>0?K(W.slice(u-1,u+1)):""};return{x:m,y:g,ticks:x,names:T,left:l,inner:c,begun:f,running:u,now:W,before:ft,paths:me}}function re({points:t,before:e,metric:s,unit:n,label:o,notes:a,now:$,zoom:l,annotate:c,Marks:f,openNotes:u}){let p=A(),h=It(p),b=X()?ne:h,v=vt(()=>b&&t.length?ve(t,e,s,b,$):null,[t,e,s,b]),{at:m,from:g,setAt:y,handlers:x}=ge(p,v,t,l,c);if(!v)return r`<div class="chart" ref=${p}></div>`;let k=m===null?null:Math.min(m,t.length-1),H=ye(t,a);return r`<div class="chart" ref=${p}>
    <svg width=${b} height=${J} viewBox=${`0 0 ${b} ${J}`} role="img" aria-label=${o} tabindex="0" ...${x}>
      <${ke} plan=${v} points=${t} metric=${s} unit=${n} width=${b} />
      <${we} plan=${v} />
      ${H.map(([T])=>r`<line key=${T} class="note-line" x1=${v.x(T)} x2=${v.x(T)} y1=${R}
        y2=${v.y(0)} />`)}
      ${g!==null&&k!==null&&r`<${xe} plan=${v} from=${g} to=${v.x(k)} />`}
      ${k!==null&&r`<${Ee} plan=${v} index=${k} />`}
    </svg>
    ${f&&r`<${f} marks=${H} plan=${v} read=${y} open=${u} />`}
    ${k!==null&&r`<${Se} plan=${v} index=${k} point=${t[k]} other=${e?.[k]}
      metric=${s} unit=${n} width=${b} notes=${H.find(([T])=>T===k)?.[1]??[]} />`}
  </div>`}function ge(t,e,s,n,o){let[a,$]=w(null),[l,c]=w(null);if(!e)return{at:a,from:l,setAt:$,handlers:{}};let f=m=>Math.max(0,Math.min(s.length-1,m)),u=m=>m.clientX-t.current.getBoundingClientRect().left,p=m=>f(Math.round((m-e.left)/e.inner*(s.length-1))),h=a===null?null:f(a),b=()=>h!==null&&n(s[h],s[h]),d=m=>l===null&&m.pointerType!=="touch"&&$(null);return{at:a,from:l,setAt:$,handlers:{onPointerMove:m=>$(p(u(m))),onPointerLeave:d,onBlur:d,onDblClick:b,onPointerDown(m){$(p(u(m))),!(m.pointerType!=="mouse"||m.button)&&(m.currentTarget.setPointerCapture(m.pointerId),c(u(m)))},onPointerUp(m){if(l===null)return;c(null);let[g,y]=[p(l),p(u(m))].sort((x,k)=>x-k);Math.abs(u(m)-l)>=fe&&g!==y&&n(s[g],s[y])},onKeyDown(m){let g={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[m.key];m.key==="Enter"&&b(),m.key.toLowerCase()==="n"&&o&&h!==null&&!be(m)&&(m.stopPropagation(),m.preventDefault(),o(s[h].date)),m.key==="Escape"&&h!==null&&(m.stopPropagation(),c(null),$(null)),g&&(m.preventDefault(),$(f((h??Math.max(0,e.begun-(g<0?0:1)))+g)))}}}}var be=t=>t.ctrlKey||t.metaKey||t.altKey;function ye(t,e){let s=new Map;for(let n of e){let o=t.findIndex(a=>a.date===n.day||a.date<n.day&&n.day<a.to.slice(0,10));o>=0&&s.set(o,[...s.get(o)??[],n])}return[...s].sort(([n],[o])=>n-o)}function ke({plan:t,points:e,metric:s,unit:n,width:o}){let a=n==="hour"&&e.length<=48,$=l=>Lt(e[l].ts,n==="hour"&&!a?"day":n);return r`${t.ticks.map(l=>r`<g key=${l}>
      <line class=${l?"grid":"base"} x1=${t.left} x2=${o-oe} y1=${t.y(l)} y2=${t.y(l)} />
      <text class="tick" x=${t.left-8} y=${t.y(l)} dy=".32em" text-anchor="end">${D[s].short(l)}
        </text></g>`)}
    ${t.names.map(l=>r`<text key=${l} class="tick" x=${t.x(l)} y=${J-7}
      text-anchor=${l===0&&e.length>1?"start":"middle"}>${$(l)}</text>`)}`}function we({plan:t}){let{now:e,paths:s}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
    <stop offset="1" class="fade1" /></linearGradient></defs>
    <path class="line before" d=${s.before} />
    <path class="area" fill="url(#fade)" d=${s.area} />
    <path class="line now" d=${s.done} />
    <path class="line now part" d=${s.part} />
    ${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var xe=({plan:t,from:e,to:s})=>r`<rect class="range" x=${Math.min(e,s)} width=${Math.abs(s-e)}
  y=${R} height=${t.y(0)-R} />`;function Ee({plan:t,index:e}){let[s,n]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${R} y2=${t.y(0)} />
    ${n&&r`<circle class="dot before" cx=${n[0]} cy=${n[1]} r="3.5" />`}
    ${s&&r`<circle class="dot" cx=${s[0]} cy=${s[1]} r="4.5" />`}`}var Me=(t,e)=>t===null||!e?null:t/e-1;function Se({plan:t,index:e,point:s,other:n,metric:o,unit:a,width:$,notes:l}){let{long:c,good:f}=D[o],u=t.x(e),p=e<t.begun&&e!==t.running,h=Me(s[o],n?.[o]);return r`<div class=${"tip"+(u>$/2?" flip":"")} style=${{"--x":u+"px"}} role="status">
    <div class="tip-row"><span class="key"></span><span>${z(s.ts,a)}
      ${e===t.running?` (${i("soFar")})`:""}</span>
      <b>${e<t.begun?c(s[o]):L}</b>${p&&h!==null&&r`<${Ht}
        change=${h} good=${f} />`}</div>
    ${n&&r`<div class="tip-row dim"><span class="key before"></span><span>${z(n.ts,a)}</span>
      <b>${c(n[o])}</b></div>`}
    ${l.map(({id:b,text:d})=>r`<div class="tip-row dim wrap" key=${b}><span class="key note"></span><span>${d}</span>
      </div>`)}
  </div>`}var ct={};tt(ct,{WorldMap:()=>De});var Pe=6,ae,Ce=()=>ae??=fetch(bt+"world.json").then(t=>t.json());function De({rows:t,choose:e}){let[s,n]=w(null),[o,a]=w(null),$=A();if(S(()=>{Ce().then(n,()=>{ae=void 0})},[]),!s)return r`<div class="skeleton map-sk world"></div>`;let l=new Map(t.map(d=>[d.value,d.visitors??0])),c=Math.max(1,...l.values()),f=d=>d?1+Math.floor(Math.sqrt(d/c)*(Pe-.001)):0,u=d=>"land s"+f(l.get(d)??0),p=d=>{let v=d.target.dataset.code,m=$.current.getBoundingClientRect();a(v?{code:v,x:d.clientX-m.left,y:d.clientY-m.top,width:m.width}:null)},h=d=>l.has(d.target.dataset.code)&&e("country",d.target.dataset.code),b=t.slice(0,5).map(d=>`${G("country",d.value)} ${C(d.visitors)}`).join(", ");return r`<div class="map" ref=${$} onPointerMove=${p} onPointerLeave=${()=>a(null)} onClick=${h}>
    <svg viewBox=${`0 0 ${s.w} ${s.h}`} role="img" aria-label=${i("mapLabel",{top:b})}>
      ${Object.entries(s.shapes).map(([d,v])=>r`<path key=${d} data-code=${d}
        class=${u(d)} d=${v} />`)}
      ${Object.entries(s.dots).filter(([d])=>l.has(d)).map(([d,[v,m]])=>r`<circle
        key=${d} data-code=${d} class=${u(d)} cx=${v} cy=${m} r="7" />`)}
    </svg>
    ${o&&r`<div class=${"tip"+(o.x>o.width-170?" flip":"")}
      style=${{"--x":o.x+"px","--y":Math.max(0,o.y-46)+"px"}}>
      <div class="tip-row"><span>${o.code[0]==="_"?o.code.slice(1):G("country",o.code)}</span>
        <b>${C(l.get(o.code)??0)}</b></div></div>`}
  </div>`}var Ae="page_view";function ie({name:t,tabs:e,more:s=[],data:n,isBusy:o,state:a,choose:$,open:l}){let[c,f]=Et(t),p=X()&&(e[c]?.kind==="map"||e[c]?.kind==="goals"&&!n?.goals.length)&&e.length>1?c+1:c,h=A(),b=Te(h),d=[...e,...s][p]??e[0],v=Le(d,n,a,b),m=g=>{let y={ArrowRight:1,ArrowLeft:-1}[g.key];if(!y)return;let x=(Math.min(p,e.length-1)+y+e.length)%e.length;f(x),g.currentTarget.children[x].focus()};return r`<section ref=${h} class=${"card panel"+(o?" busy":"")} aria-label=${i(t)}>
    <div class="tabs">
      <div class="tabs-in" role="tablist" aria-label=${i(t)} onKeyDown=${m}>
        ${e.map((g,y)=>r`<button key=${g.name} role="tab" class="tab" aria-selected=${y===p}
          tabindex=${y===Math.min(p,e.length-1)?0:-1} onClick=${()=>f(y)}>
          ${i(g.name)}</button>`)}
      </div>
      ${s.length>0&&r`<select class=${p>=e.length?"on":""} aria-label=${`${i(t)}: ${i("more")}`}
        value=${String(p)} onChange=${g=>f(Number(g.target.value))}>
        <option value=${p<e.length?String(p):"0"}>${i("more")}</option>
        ${s.map((g,y)=>r`<option key=${g.name}
          value=${String(e.length+y)}>${i(g.name)}</option>`)}
      </select>`}
    </div>
    <div class=${d.kind==="map"?"":"list"}><${Ne} tab=${d} list=${v} isNear=${b} data=${n}
      state=${a} choose=${$} /></div>
    <${_e} tab=${d} list=${v} open=${l} />
  </section>`}function Te(t){let[e,s]=w(!1);return S(()=>{let n=a=>a.some($=>$.isIntersecting)&&s(!0),o=new IntersectionObserver(n,{rootMargin:"300px"});return o.observe(t.current),()=>o.disconnect()},[]),e}function Le(t,e,s,n){let[o,a]=w(null),$=t.kind==="map",l=F(s);l.set("dimension",t.dimension),l.set("measures","visitors,visits,events"),l.set("limit",String($?300:B));let c=l.toString(),f=$?void 0:e?.breakdowns[t.dimension],u=n&&e!==null&&!f&&t.kind!=="goals";return S(()=>{if(!u)return;let p=new AbortController;return U("reports/breakdown?"+c,p.signal).then(h=>a({key:c,list:h}),()=>{}),()=>p.abort()},[u,c,e]),f??(o&&o.list.dimension===t.dimension?o.list:null)}function Ne({tab:t,list:e,isNear:s,data:n,state:o,choose:a}){if(!n)return r`<div class=${"skeleton map-sk"+(t.kind==="map"?" world":"")}></div>`;if(t.kind==="goals")return r`<${Ie} goals=${n.goals} />`;let $=e?.rows.length===0;if(t.kind==="map"&&!$)return r`<${Re} list=${e} isNear=${s} choose=${a} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let l=e.rows.some(f=>f[t.measure]!=null)?t.measure:"visitors",c=l==="events"?0:n[l]??0;return r`<${He} list=${e} measure=${l} total=${c} most=${B} filter=${o.filter}
    choose=${a} />`}function _e({tab:t,list:e,open:s}){let n=e?.value_count??0,o=t.kind==="map"?i("countryCount",{n:C(n)},n):n>B?i("inAll",{n:C(n)},n):"";return r`<div class="panel-foot"><span>${e&&n>0?o:""}</span>
    ${e&&n>0&&r`<button class="more" onClick=${()=>s(t)}><${_} name="expand" size="13" />
      ${i("details")}</button>`}
  </div>`}function Re({list:t,isNear:e,choose:s}){let n=P(e,()=>Promise.resolve(ct));return!n||!t?r`<div class="skeleton map-sk world"></div>`:r`<${n.WorldMap} rows=${t.rows.filter(o=>o.value)} choose=${s} />`}function He({list:t,measure:e,total:s,filter:n,choose:o,most:a=1/0}){let{dimension:$}=t,c=t.rows.filter(u=>$!=="type"||u.value!==Ae).toSorted((u,p)=>(p[e]??0)-(u[e]??0)).slice(0,a);if(!c.length)return r`<${N} title=${i("nothing")}>${i("nothingText")}<//>`;let f=Math.max(1,...c.map(u=>u[e]??0));return r`<table>
    <colgroup><col />${s>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${se($)}</th>${s>0&&r`<th scope="col">
      <span class="vh">${i("share")}</span></th>`}
      <th scope="col">${i(e)}</th></tr></thead>
    <tbody>${c.map(u=>r`<${Oe} key=${u.value} row=${u} dimension=${$} measure=${e}
      total=${s} max=${f} isChosen=${Gt(n,$,u.value)} choose=${o} />`)}</tbody>
  </table>`}function Oe({row:t,dimension:e,measure:s,total:n,max:o,isChosen:a,choose:$}){let l=G(e,t.value),c=t[s],f=t.change?.[s],u=f==null?"":` (${f>0?"+":"−"}${At(f)})`,p=`${C(c)} ${i(s)}${u}`;return r`<tr class=${a?"chosen":""}>
    <td class="row"><${it} part=${(c??0)/o} />
      <button class="cell" aria-pressed=${a} onClick=${()=>$(e,t.value)}
        title=${i(a?"unfilter":"filterBy",{value:t.value||l})}>
        <${Vt} dimension=${e} value=${t.value} />
        <span class=${t.value?"lbl":"lbl none"}>${l}</span>
      </button></td>
    ${n>0&&r`<td class="s">${c==null?L:Dt(Math.min(1,c/n))}</td>`}
    <td class="v" title=${p}>${D[s].short(c)}</td>
  </tr>`}function Ie({goals:t}){if(!t.length)return r`<${N} title=${i("noGoals")}>${i("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(n=>n.rate??0)),s=t.toSorted((n,o)=>(o.users??-1)-(n.users??-1));return r`<table>
    <colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
    <thead>
      <tr><th scope="col">${i("goal")}</th><th scope="col">${i("rate")}</th><th scope="col">${i("visitors")}</th></tr>
    </thead>
    <tbody>${s.slice(0,B).map(n=>r`<tr key=${n.id}>
      <td class="row"><${it} part=${(n.rate??0)/e} /><span class="cell">
        <span class="lbl">${n.name}</span></span></td>
      <td class="s">${Ct(n.rate)}</td>
      <td class="v" title=${n.users==null?i("notCounted"):`${C(n.conversions)} ${i("conversions")}`}>
        ${D.visitors.short(n.users)}</td>
    </tr>`)}</tbody>
  </table>`}function le({data:t,state:e}){let{meta:s,previous:n}=t,o=zt(e.filter).map(_t);return r`<div class="paper" aria-hidden="true">
    <div class="paper-line"><b class="paper-title">${document.documentElement.dataset.name}</b><span>${i("paperTitle")}</span></div>
    <div class="paper-line"><b>${rt(s.from,s.to)}</b>
      ${n&&r`<span>${i("comparedWith",{period:rt(n.from,n.to)})}</span>`}
      <span class="paper-end">${i("asOf",{time:Nt(s.computed_at),zone:s.zone})}</span></div>
    ${o.length>0&&r`<div class="paper-filters">${i("filters")}: ${o.map(({name:a,values:$},l)=>r`<span
      key=${a+$}>${l>0&&" · "}${a} <b>${$}</b></span>`)}</div>`}
  </div>`}var $t={};tt($t,{PointTable:()=>je});function je({points:t,before:e,metric:s,unit:n,label:o,now:a}){let{long:$}=D[s],{begun:l,running:c}=lt(t,a);return r`<div class="points" tabindex="0" role="region" aria-label=${o}><table>
    <thead><tr><th scope="col">${i("date")}</th><th scope="col">${i(s)}
      </th>${e&&r`<th scope="col">${i("before")}</th>`}</tr></thead>
    <tbody>${t.map((f,u)=>r`<tr key=${f.ts}>
      <th scope="row">${z(f.ts,n)}${u===c?` (${i("soFar")})`:""}</th>
      <td>${u<l?$(f[s]):L}</td>${e&&r`<td class="none">
        ${e[u]?$(e[u][s]):L}</td>`}</tr>`)}</tbody>
  </table></div>`}var dt={};tt(dt,{Heat:()=>Be});var Fe=new Intl.DateTimeFormat(ee,{weekday:"short",timeZone:"UTC"}),ut=Array.from({length:7},(t,e)=>Fe.format(Date.UTC(1970,0,5+e))),ce=6;function Be({cells:t,zone:e}){let[s,n]=w(null),o=t.flat(),a=Math.max(1,...o),$=o.indexOf(Math.max(...o)),l={day:ut[Math.floor($/24)],hour:`${Y($%24)}:00`},c=e+(o[$]?" · "+i("busiest",l):""),f=p=>p?1+Math.min(ce-1,Math.floor(p/a*(ce-.001))):0,u=p=>n(p.target.dataset.at?.split(",").map(Number)??null);return r`<div class="heat" role="img" aria-label=${i("heatLabel",l)} onPointerMove=${u}
    onPointerLeave=${()=>n(null)}>
      ${t.map((p,h)=>r`<span class="heat-day" key=${h}>${ut[h]}</span>
        ${p.map((b,d)=>r`<i key=${`${h},${d}`} data-at=${`${h},${d}`} class=${"h"+f(b)}></i>`)}`)}
      <span></span>${[0,3,6,9,12,15,18,21].map(p=>r`<span key=${p} class="heat-hour">${Y(p)}
        </span>`)}
    </div>
    <div class="panel-foot"><span class="num">
      ${s?i("heatCell",{day:ut[s[0]],hour:`${Y(s[1])}:00`,n:C(t[s[0]][s[1]])}):c}
    </span></div>`}var mt=document.documentElement,ue=Promise.resolve(Jt).catch(()=>null),$e=6e4,E=(t,e,s,n)=>({name:t,dimension:e,measure:s,kind:n}),de=[{name:"pages",tabs:[E("topPages","path","visitors"),E("entryPages","entry_path","visits"),E("exitPages","exit_path","visits")]},{name:"sources",tabs:[E("channels","channel","visits"),E("sources","source","visits"),E("referrers","referrer","visits"),E("campaigns","utm_campaign","visits")],more:["utm_source","utm_medium","utm_term","utm_content"].map(t=>E(t,t,"visits"))},{name:"locations",tabs:[E("map","country","visitors","map"),E("countries","country","visitors"),E("regions","region","visitors"),E("cities","city","visitors")]},{name:"devices",tabs:[E("browsers","browser","visitors"),E("systems","os","visitors"),E("devices","device","visitors")],more:[E("screens","screen","visitors"),E("languages","language","visitors")]},{name:"goalsAndEvents",tabs:[E("goals","goals","visitors","goals"),E("customEvents","type","events")]}];for(let t of de)t.tabs=t.tabs.filter(e=>yt(e.dimension));function Ue({pages:t}){let[e,s]=xt(),[n,o]=w(null),[a,$]=w(!1),l=Pt(Mt(e)),{data:c,isBusy:f,error:u}=l,p=ze("overview",c!==null&&!f),[h,b]=Qe(e,p),[d,v]=w(null),m=et((x,k)=>s({filter:Kt(e.filter,x,k)}),[e.filter]);Ge(c,u!==null,l.retry),Ke({state:e,go:s,pages:t,open:o});let g=f&&c!==null,y=Xe(c!==null&&pt(c));return r`<${Yt} pages=${t} current="overview" isOpen=${a} close=${()=>$(!1)}
    openHelp=${()=>o({kind:"help"})} />
    <main id="main" class="main" tabindex="-1" inert=${a}>
      ${c&&r`<${le} data=${c} state=${e} />`}
      <${qe} state=${e} go=${s} isDrawn=${p} openDrawer=${()=>$(!0)} open=${o} />
      <${Ve} error=${u} data=${c} retry=${l.retry} go=${s} />
      <${Wt} state=${e} go=${s} edit=${x=>o({kind:"filter",index:x})} />
      <section class=${"card hero"+(g?" busy":"")} aria-label=${i("overview")}>
        <${Rt} data=${c} metric=${e.metric} choose=${x=>s({metric:x},!0)} />
        <${Ye} data=${c} state=${e} go=${s} notes=${h} hasEvents=${y} open=${o} />
      </section>
      ${!(c&&pt(c))&&r`<div class="panels">
        ${de.map(x=>r`<${ie} key=${x.name} ...${x} data=${c} isBusy=${g} state=${e}
          choose=${m}
          open=${k=>o({kind:"details",tab:k})} />`)}
        <${ts} data=${c} isBusy=${g} />
      </div>`}
      ${c&&r`<${es} data=${c} took=${l.took} />`}
    </main>
    <${ns} opened=${n} state=${e} go=${s} pages=${t} choose=${m} close=${()=>o(null)}
      reloadNotes=${b} say=${v} />
    <${ss} said=${d} close=${()=>v(null)} />`}function ze(t,e){let[s,n]=w(!1);return S(()=>{if(!e)return;let o=!0,a=()=>{o&&(mt.dataset.drawn=t,n(!0))};return requestAnimationFrame(()=>setTimeout(()=>ue.then(a))),()=>{o=!1,delete mt.dataset.drawn}},[e]),s}function Ge(t,e,s){S(()=>{if(e)return addEventListener("online",s),()=>removeEventListener("online",s)},[e]),S(()=>{if(!t||Date.parse(t.meta.to)<Date.now())return;let n=setTimeout(()=>!document.hidden&&s(),$e),o=()=>!document.hidden&&Date.now()-Date.parse(t.meta.computed_at)>$e&&s();return document.addEventListener("visibilitychange",o),()=>{clearTimeout(n),document.removeEventListener("visibilitychange",o)}},[t])}function Ke(t){let e=A(t);e.current=t,S(()=>{ue.then(s=>s?.listen(n=>We(n,e.current)))},[])}function We(t,{state:e,go:s,pages:n,open:o}){let a=j.find(c=>c.key.toLowerCase()===t);if(a)return()=>s({period:a.name,unit:""});let $=n.find(c=>"g "+c.key.toLowerCase()===t);if($)return()=>location.assign(Zt($));let l={c:()=>s({compare:e.compare==="none"?"previous":"none"}),"/":()=>o({kind:"filter",index:null}),"?":()=>o({kind:"help"}),...q("write")&&{n:()=>o({kind:"notes",day:ot(e)[1],notes:[]})},...!I&&{"g s":()=>location.assign("/")}};return t==="escape"&&e.filter?()=>s({filter:""}):l[t]}function qe({state:t,go:e,isDrawn:s,openDrawer:n,open:o}){let a=P(s,()=>Promise.resolve(te));return r`<div class="head">
    <${Xt} open=${n} />
    <h1 class="vh">${mt.dataset.name}: ${i("overview")}</h1>
    <${Qt} />
    ${a?r`<${a.LiveCount} />`:r`<span class="live"><span class="pulse off"></span>${i("live")}</span>`}
    <div class="head-tools">
      <${qt} state=${t} go=${e} add=${()=>o({kind:"filter",index:null})}
        save=${()=>o({kind:"segment"})} />
      <${Ft} state=${t} go=${e} />
      <${jt} state=${t} go=${e} />
      ${q("admin")&&r`<button class="btn" title=${i("shareSite")} onClick=${()=>o({kind:"share"})}>
        <${_} name="share" /><span class="short">${i("shareSite")}</span></button>`}
    </div>
  </div>`}function Ve({error:t,data:e,retry:s,go:n}){if(!t)return null;let{days:o}=t,a=()=>n({period:"custom",from:nt(V(),1-Number(o)),to:V(),unit:""});return r`<div class="card alert" role="alert">
    <div><b>${i(t.status?"problem":"offline")}</b><div>${t.message}</div>
      ${e&&r`<div class="num">${i("shownAsOf",{period:Z(e.meta.from,e.meta.to),time:at(e.meta.computed_at)})}</div>`}</div>
    ${o&&r`<button class="btn" onClick=${a}>${i("lastDays",{n:o},o)}</button>`}
    <button class="btn" onClick=${s}>${i("tryAgain")}</button>
  </div>`}function Ye({data:t,state:e,go:s,notes:n,hasEvents:o,open:a}){let $=e.metric,l=P(n.length>0,()=>import("../chunks/notes-RGKPXGTS.js")),c=P(e.view==="table",()=>Promise.resolve($t));if(!t)return r`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`;let f=i($),u=t.granularity,p=i(u+"Unit"),h=i("chartLabel",{measure:f,unit:p,value:D[$].long(t[$])}),b=Date.parse(t.meta.computed_at),d={points:t.series,before:t.previous?.series,metric:$,unit:u,label:h,now:b},v=(y,x)=>{let k=u==="hour"?x.date:nt(x.to.slice(0,10),-1);(y.date!==k||t.series[0].date!==k)&&s({period:"custom",from:y.date,to:k,unit:""})},m=q("write")?y=>a({kind:"notes",day:y,notes:[]}):void 0,g=y=>a({kind:"notes",day:y[0].day,notes:y});return r`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${f}, ${Z(t.meta.from,t.meta.to)}</span>
      ${t.previous&&r`<span class="legend"><span class="key before"></span>
        ${Z(t.previous.from,t.previous.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${Bt} state=${e} go=${s} /><${Ut} state=${e} go=${s} />
        ${m&&r`<button class="iconbtn" aria-label=${i("addNote")} title=${i("addNote")+" (N)"}
          onClick=${()=>m(ot(e)[1])}><${_} name="note" /></button>`}
        ${!I&&r`<a class="iconbtn" href=${Ze(e)} download title=${i("csv")} aria-label=${i("csv")}>
          <${_} name="download" /></a>`}</span>
    </div>
    ${pt(t)?r`<${Je} state=${e} go=${s} hasEvents=${o} />`:e.view==="table"&&c?r`<${c.PointTable} ...${d} />`:r`<${re} ...${d} notes=${n} zoom=${v} annotate=${m}
          Marks=${l?.NoteMarks} openNotes=${g} />`}
  </div>`}function Ze(t){let e=F(t);return e.set("granularity",wt(t)),St("reports/timeseries?"+e+"&format=csv")}function Qe(t,e){let[s,n]=w(0),[o,a]=w([]),$=F(t,"").toString();return S(()=>{if(!e||I)return;let l=new AbortController;return U("notes?"+$,l.signal).then(c=>a(c.notes),()=>{}),()=>l.abort()},[e,$,s]),[o,et(()=>n(l=>l+1),[])]}var pt=t=>!t.page_views&&!t.events;function Xe(t){let[e,s]=w(!0);return S(()=>{if(!t||I)return s(!0);let n=o=>s(o.sites.find(a=>a.key===st)?.first_event_at!==null);U("me").then(n,()=>{})},[t]),e}function Je({state:t,go:e,hasEvents:s}){if(!s)return r`<${N} title=${i("emptySite")}>${i("emptySiteText")}<div>
    <a class="btn" href=${`/sites/${encodeURIComponent(st)}/start`}>${i("install")}</a></div><//>`;if(t.filter)return r`<${N} title=${i("emptyFiltered")}><button class="btn"
    onClick=${()=>e({filter:""})}>${i("clearFilters")}</button><//>`;let n=j.find(o=>Number(o.query(V()).days)>kt(t)[1])??j[j.length-1];return r`<${N} title=${i("emptyTitle")}>${i("emptyText")}<div><button class="btn"
    onClick=${()=>e({period:n.name,unit:""})}>${i(n.name)}</button></div><//>`}function ts({data:t,isBusy:e}){let s=P(t!==null,()=>Promise.resolve(dt));return r`<section class=${"card panel"+(e?" busy":"")} aria-label=${i("busiestHours")}>
    <div class="tabs"><h2 class="tab on">${i("busiestHours")}</h2></div>
    ${s&&t?r`<${s.Heat} cells=${t.busiest_hours.page_views} zone=${gt} />`:r`<div
      class="skeleton map-sk"></div><div class="panel-foot"></div>`}
  </section>`}function es({data:t,took:e}){let{meta:s}=t;return r`<footer class="fresh">
    ${s.complete_through&&r`<span class="num">${i("completeThrough",{time:at(s.complete_through)})}</span>`}
    <span>${i("zone",{zone:s.zone})}</span>
    <span>${i(s.source==="raw"?"raw":"rollup")}</span>
    <span class="num">${i("took",{time:e<1e3?`${Math.round(e)} ms`:Tt(e/1e3)})}</span>
    <span>${i("distinct")}</span>
  </footer>`}function ss({said:t,close:e}){let s=P(t!==null,()=>import("../chunks/toast-WBK3AC5U.js"));return r`<div class="toasts" role="status">${t&&s&&r`<${s.Toast} said=${t} close=${e} />`}
    </div>`}function ns({opened:t,state:e,go:s,pages:n,choose:o,close:a,reloadNotes:$,say:l}){let c=t?.kind,f=P(c==="details",()=>import("../chunks/details-4ZFNUDMD.js")),u=P(c==="filter"||c==="segment",()=>import("../chunks/filter_dialog-LEG6LIZ3.js")),p=P(c==="help",()=>import("../chunks/help-4B4N3ZND.js")),h=P(c==="share",()=>import("../chunks/share_dialog-R7HYXYZK.js")),b=P(c==="notes",()=>import("../chunks/notes-HY6EHMBY.js"));return t?.kind==="share"&&h?r`<${h.default} close=${a} />`:t?.kind==="details"&&f?r`<${f.default} tab=${t.tab} state=${e}
    choose=${o} close=${a} />`:t?.kind==="filter"&&u?r`<${u.default} state=${e} go=${s} index=${t.index}
    close=${a} />`:t?.kind==="segment"&&u?r`<${u.SegmentDialog} state=${e} go=${s} close=${a} />`:t?.kind==="notes"&&b?r`<${b.default} ...${t} reload=${$} say=${l}
    close=${a} />`:t?.kind==="help"&&p?r`<${p.default} pages=${n} hasPeriods=${!0}
    hasFilters=${!0} close=${a} />`:null}export{Ue as default};
