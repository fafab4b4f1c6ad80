import{a as Jt}from"../chunks/chunk-Q7MCTMFX.js";import{b as Ut,g as zt,h as Wt,i as Gt,j as Kt}from"../chunks/chunk-RKDSPH43.js";import{b as It,c as jt,d as Ft,e as Bt}from"../chunks/chunk-E56LLEIA.js";import{a as Ot,b as Ht}from"../chunks/chunk-KUCS2OZP.js";import"../chunks/chunk-TIA5BHID.js";import{$ as rt,A as F,B as Mt,C as Et,D as B,E as St,G as Pt,H as U,K as Ct,M as P,N as _,O as C,Q as Dt,T as Tt,U as At,V as _t,W as V,X as D,Y as Lt,Z as z,_ as Y,a as tt,b as k,c as S,ca as at,d as vt,da as Nt,e as T,f as gt,fa as W,g as et,ga as Rt,h as r,ha as N,i as st,j as bt,ja as qt,k as yt,ka as L,l as I,la as it,m as kt,ma as Vt,n as K,na as Yt,oa as Zt,p as q,q as nt,qa as Qt,ra as Xt,s as j,ua as te,va as i,w as wt,wa as ee,x as ot,z as xt}from"../chunks/chunk-FO6ITUQE.js";var se=1040,Z=globalThis.matchMedia?.("print");function Q(){let[t,e]=k(()=>Z?.matches??!1);return S(()=>{let s=()=>e(!0),n=()=>e(!1),o=()=>e(Z?.matches??!1);return addEventListener("beforeprint",s),addEventListener("afterprint",n),Z?.addEventListener("change",o),()=>{removeEventListener("beforeprint",s),removeEventListener("afterprint",n),Z?.removeEventListener("change",o)}},[]),t}var J=280,R=14,me=26,ne=12,pe=8,fe=[1,2,2.5,5,10],he=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,14400];function ve(t,e){let s=t/5;if(e==="avg_visit_duration_s")return he.find(a=>a>=s)??3600*Math.ceil(s/3600);if(!["bounce_rate","views_per_visit"].includes(e)&&t<=5)return 1;let n=10**Math.floor(Math.log10(s||1)),o=a=>a!==2.5||n>=10||n<1;return fe.find(a=>a*n>=s*.999&&o(a))*n}function X(t){let e="";return t.forEach((s,n)=>{s&&(e+=(t[n-1]?"L":"M")+s[0].toFixed(1)+" "+s[1].toFixed(1))}),e}function ge(t,e){let s="",n=-1;return t.concat(null).forEach((o,a)=>{if(o&&n<0&&(n=a),!o&&n>=0){let $=t.slice(n,a);$.length>1&&(s+=`${X($)}L${$[$.length-1][0]} ${e}L${$[0][0]} ${e}Z`),n=-1}}),s}function lt(t,e){let s=t.filter(n=>Date.parse(n.ts)<=e).length;return{begun:s,running:s>0&&Date.parse(t[s-1].to)>e?s-1:-1}}function be(t,e,s,n,o){let a=t.length,$=n<560,l=$?38:46,c=n-l-ne,{begun:f,running:u}=lt(t,o),p=t.slice(0,f).map(E=>E[s]),h=e?.slice(0,a).map(E=>E[s])??[],b=Math.max(1e-9,...p.map(Number),...h.map(Number)),d=ve(b,s),v=Math.max(d,Math.ceil(b*1.02/d)*d),m=E=>a===1?l+c/2:l+E/(a-1)*c,g=E=>R+(1-(E??0)/v)*(J-R-me),y=(E,H)=>E==null?null:[m(H),g(E)],x=Array.from({length:Math.round(v/d)+1},(E,H)=>H*d),w=Math.ceil(a/Math.max(2,Math.floor(c/($?64:84)))),O=E=>E%w===0&&(E===0||m(E)<n-24),A=t.map((E,H)=>H).filter(O),[G,ft]=[p.map(y),h.map(y)],ht=u>0?G.slice(0,u):G,de={before:X(ft),area:ge(ht,g(0)),done:X(ht),part:u>0?X(G.slice(u-1,u+1)):""};return{x:m,y:g,ticks:x,names:A,left:l,inner:c,begun:f,running:u,now:G,before:ft,paths:de}}function oe({points:t,before:e,metric:s,unit:n,label:o,notes:a,now:$,zoom:l,annotate:c,Marks:f,openNotes:u}){let p=T(),h=we(p),b=Q()?se:h,v=gt(()=>b&&t.length?be(t,e,s,b,$):null,[t,e,s,b]),{at:m,from:g,setAt:y,handlers:x}=ye(p,v,t,l,c);if(!v)return r`<div class="chart" ref=${p}></div>`;let w=m===null?null:Math.min(m,t.length-1),O=xe(t,a);return r`<div class="chart" ref=${p}>
    <svg width=${b} height=${J} viewBox=${`0 0 ${b} ${J}`} role="img" aria-label=${o} tabindex="0" ...${x}>
      <${Me} plan=${v} points=${t} metric=${s} unit=${n} width=${b} />
      <${Ee} plan=${v} />
      ${O.map(([A])=>r`<line key=${A} class="note-line" x1=${v.x(A)} x2=${v.x(A)} y1=${R}
        y2=${v.y(0)} />`)}
      ${g!==null&&w!==null&&r`<${Se} plan=${v} from=${g} to=${v.x(w)} />`}
      ${w!==null&&r`<${Pe} plan=${v} index=${w} />`}
    </svg>
    ${f&&r`<${f} marks=${O} plan=${v} read=${y} open=${u} />`}
    ${w!==null&&r`<${De} plan=${v} index=${w} point=${t[w]} other=${e?.[w]}
      metric=${s} unit=${n} width=${b} notes=${O.find(([A])=>A===w)?.[1]??[]} />`}
  </div>`}function ye(t,e,s,n,o){let[a,$]=k(null),[l,c]=k(null);if(!e)return{at:a,from:l,setAt:$,handlers:{}};let f=m=>Math.max(0,Math.min(s.length-1,m)),u=m=>m.clientX-t.current.getBoundingClientRect().left,p=m=>f(Math.round((m-e.left)/e.inner*(s.length-1))),h=a===null?null:f(a),b=()=>h!==null&&n(s[h],s[h]),d=m=>l===null&&m.pointerType!=="touch"&&$(null);return{at:a,from:l,setAt:$,handlers:{onPointerMove:m=>$(p(u(m))),onPointerLeave:d,onBlur:d,onDblClick:b,onPointerDown(m){$(p(u(m))),!(m.pointerType!=="mouse"||m.button)&&(m.currentTarget.setPointerCapture(m.pointerId),c(u(m)))},onPointerUp(m){if(l===null)return;c(null);let[g,y]=[p(l),p(u(m))].sort((x,w)=>x-w);Math.abs(u(m)-l)>=pe&&g!==y&&n(s[g],s[y])},onKeyDown(m){let g={ArrowLeft:-1,ArrowRight:1,Home:-1/0,End:1/0}[m.key];m.key==="Enter"&&b(),m.key.toLowerCase()==="n"&&o&&h!==null&&!ke(m)&&(m.stopPropagation(),m.preventDefault(),o(s[h].date)),m.key==="Escape"&&h!==null&&(m.stopPropagation(),c(null),$(null)),g&&(m.preventDefault(),$(f((h??Math.max(0,e.begun-(g<0?0:1)))+g)))}}}}var ke=t=>t.ctrlKey||t.metaKey||t.altKey;function we(t){let[e,s]=k(0);return vt(()=>{let n=new ResizeObserver(([o])=>s(Math.round(o.contentRect.width)));return n.observe(t.current),s(t.current.clientWidth),()=>n.disconnect()},[]),e}function xe(t,e){let s=new Map;for(let n of e){let o=t.findIndex(a=>a.date===n.day||a.date<n.day&&n.day<a.to.slice(0,10));o>=0&&s.set(o,[...s.get(o)??[],n])}return[...s].sort(([n],[o])=>n-o)}function Me({plan:t,points:e,metric:s,unit:n,width:o}){let a=n==="hour"&&e.length<=48,$=l=>Lt(e[l].ts,n==="hour"&&!a?"day":n);return r`${t.ticks.map(l=>r`<g key=${l}>
      <line class=${l?"grid":"base"} x1=${t.left} x2=${o-ne} y1=${t.y(l)} y2=${t.y(l)} />
      <text class="tick" x=${t.left-8} y=${t.y(l)} dy=".32em" text-anchor="end">${D[s].short(l)}
        </text></g>`)}
    ${t.names.map(l=>r`<text key=${l} class="tick" x=${t.x(l)} y=${J-7}
      text-anchor=${l===0&&e.length>1?"start":"middle"}>${$(l)}</text>`)}`}function Ee({plan:t}){let{now:e,paths:s}=t;return r`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
    <stop offset="1" class="fade1" /></linearGradient></defs>
    <path class="line before" d=${s.before} />
    <path class="area" fill="url(#fade)" d=${s.area} />
    <path class="line now" d=${s.done} />
    <path class="line now part" d=${s.part} />
    ${e.length===1&&e[0]&&r`<circle class="dot" cx=${e[0][0]} cy=${e[0][1]} r="4" />`}`}var Se=({plan:t,from:e,to:s})=>r`<rect class="range" x=${Math.min(e,s)} width=${Math.abs(s-e)}
  y=${R} height=${t.y(0)-R} />`;function Pe({plan:t,index:e}){let[s,n]=[t.now[e],t.before[e]];return r`<line class="cross" x1=${t.x(e)} x2=${t.x(e)} y1=${R} y2=${t.y(0)} />
    ${n&&r`<circle class="dot before" cx=${n[0]} cy=${n[1]} r="3.5" />`}
    ${s&&r`<circle class="dot" cx=${s[0]} cy=${s[1]} r="4.5" />`}`}var Ce=(t,e)=>t===null||!e?null:t/e-1;function De({plan:t,index:e,point:s,other:n,metric:o,unit:a,width:$,notes:l}){let{long:c,good:f}=D[o],u=t.x(e),p=e<t.begun&&e!==t.running,h=Ce(s[o],n?.[o]);return r`<div class=${"tip"+(u>$/2?" flip":"")} style=${{"--x":u+"px"}} role="status">
    <div class="tip-row"><span class="key"></span><span>${z(s.ts,a)}
      ${e===t.running?` (${i("soFar")})`:""}</span>
      <b>${e<t.begun?c(s[o]):_}</b>${p&&h!==null&&r`<${Ht}
        change=${h} good=${f} />`}</div>
    ${n&&r`<div class="tip-row dim"><span class="key before"></span><span>${z(n.ts,a)}</span>
      <b>${c(n[o])}</b></div>`}
    ${l.map(({id:b,text:d})=>r`<div class="tip-row dim wrap" key=${b}><span class="key note"></span><span>${d}</span>
      </div>`)}
  </div>`}var ct={};tt(ct,{WorldMap:()=>_e});var Te=6,re,Ae=()=>re??=fetch(yt+"world.json").then(t=>t.json());function _e({rows:t,choose:e}){let[s,n]=k(null),[o,a]=k(null),$=T();if(S(()=>{Ae().then(n,()=>{re=void 0})},[]),!s)return r`<div class="skeleton map-sk world"></div>`;let l=new Map(t.map(d=>[d.value,d.visitors??0])),c=Math.max(1,...l.values()),f=d=>d?1+Math.floor(Math.sqrt(d/c)*(Te-.001)):0,u=d=>"land s"+f(l.get(d)??0),p=d=>{let v=d.target.dataset.code,m=$.current.getBoundingClientRect();a(v?{code:v,x:d.clientX-m.left,y:d.clientY-m.top,width:m.width}:null)},h=d=>l.has(d.target.dataset.code)&&e("country",d.target.dataset.code),b=t.slice(0,5).map(d=>`${W("country",d.value)} ${C(d.visitors)}`).join(", ");return r`<div class="map" ref=${$} onPointerMove=${p} onPointerLeave=${()=>a(null)} onClick=${h}>
    <svg viewBox=${`0 0 ${s.w} ${s.h}`} role="img" aria-label=${i("mapLabel",{top:b})}>
      ${Object.entries(s.shapes).map(([d,v])=>r`<path key=${d} data-code=${d}
        class=${u(d)} d=${v} />`)}
      ${Object.entries(s.dots).filter(([d])=>l.has(d)).map(([d,[v,m]])=>r`<circle
        key=${d} data-code=${d} class=${u(d)} cx=${v} cy=${m} r="7" />`)}
    </svg>
    ${o&&r`<div class=${"tip"+(o.x>o.width-170?" flip":"")}
      style=${{"--x":o.x+"px","--y":Math.max(0,o.y-46)+"px"}}>
      <div class="tip-row"><span>${o.code[0]==="_"?o.code.slice(1):W("country",o.code)}</span>
        <b>${C(l.get(o.code)??0)}</b></div></div>`}
  </div>`}var Le="page_view";function ae({name:t,tabs:e,more:s=[],data:n,isBusy:o,state:a,choose:$,open:l}){let[c,f]=Et(t),p=Q()&&(e[c]?.kind==="map"||e[c]?.kind==="goals"&&!n?.goals.length)&&e.length>1?c+1:c,h=T(),b=Ne(h),d=[...e,...s][p]??e[0],v=Re(d,n,a,b),m=g=>{let y={ArrowRight:1,ArrowLeft:-1}[g.key];if(!y)return;let x=(Math.min(p,e.length-1)+y+e.length)%e.length;f(x),g.currentTarget.children[x].focus()};return r`<section ref=${h} class=${"card panel"+(o?" busy":"")} aria-label=${i(t)}>
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
    <div class=${d.kind==="map"?"":"list"}><${Oe} tab=${d} list=${v} isNear=${b} data=${n}
      state=${a} choose=${$} /></div>
    <${He} tab=${d} list=${v} open=${l} />
  </section>`}function Ne(t){let[e,s]=k(!1);return S(()=>{let n=a=>a.some($=>$.isIntersecting)&&s(!0),o=new IntersectionObserver(n,{rootMargin:"300px"});return o.observe(t.current),()=>o.disconnect()},[]),e}function Re(t,e,s,n){let[o,a]=k(null),$=t.kind==="map",l=F(s);l.set("dimension",t.dimension),l.set("measures","visitors,visits,events"),l.set("limit",String($?300:B));let c=l.toString(),f=$?void 0:e?.breakdowns[t.dimension],u=n&&e!==null&&!f&&t.kind!=="goals";return S(()=>{if(!u)return;let p=new AbortController;return U("reports/breakdown?"+c,p.signal).then(h=>a({key:c,list:h}),()=>{}),()=>p.abort()},[u,c,e]),f??(o&&o.list.dimension===t.dimension?o.list:null)}function Oe({tab:t,list:e,isNear:s,data:n,state:o,choose:a}){if(!n)return r`<div class=${"skeleton map-sk"+(t.kind==="map"?" world":"")}></div>`;if(t.kind==="goals")return r`<${Be} goals=${n.goals} />`;let $=e?.rows.length===0;if(t.kind==="map"&&!$)return r`<${Ie} list=${e} isNear=${s} choose=${a} />`;if(!e)return r`<div class="skeleton map-sk"></div>`;let l=e.rows.some(f=>f[t.measure]!=null)?t.measure:"visitors",c=l==="events"?0:n[l]??0;return r`<${je} list=${e} measure=${l} total=${c} most=${B} filter=${o.filter}
    choose=${a} />`}function He({tab:t,list:e,open:s}){let n=e?.value_count??0,o=t.kind==="map"?i("countryCount",{n:C(n)},n):n>B?i("inAll",{n:C(n)},n):"";return r`<div class="panel-foot"><span>${e&&n>0?o:""}</span>
    ${e&&n>0&&r`<button class="more" onClick=${()=>s(t)}><${N} name="expand" size="13" />
      ${i("details")}</button>`}
  </div>`}function Ie({list:t,isNear:e,choose:s}){let n=P(e,()=>Promise.resolve(ct));return!n||!t?r`<div class="skeleton map-sk world"></div>`:r`<${n.WorldMap} rows=${t.rows.filter(o=>o.value)} choose=${s} />`}function je({list:t,measure:e,total:s,filter:n,choose:o,most:a=1/0}){let{dimension:$}=t,c=t.rows.filter(u=>$!=="type"||u.value!==Le).toSorted((u,p)=>(p[e]??0)-(u[e]??0)).slice(0,a);if(!c.length)return r`<${L} title=${i("nothing")}>${i("nothingText")}<//>`;let f=Math.max(1,...c.map(u=>u[e]??0));return r`<table>
    <colgroup><col />${s>0&&r`<col class="c-s" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${ee($)}</th>${s>0&&r`<th scope="col">
      <span class="vh">${i("share")}</span></th>`}
      <th scope="col">${i(e)}</th></tr></thead>
    <tbody>${c.map(u=>r`<${Fe} key=${u.value} row=${u} dimension=${$} measure=${e}
      total=${s} max=${f} isChosen=${zt(n,$,u.value)} choose=${o} />`)}</tbody>
  </table>`}function Fe({row:t,dimension:e,measure:s,total:n,max:o,isChosen:a,choose:$}){let l=W(e,t.value),c=t[s],f=t.change?.[s],u=f==null?"":` (${f>0?"+":"−"}${At(f)})`,p=`${C(c)} ${i(s)}${u}`;return r`<tr class=${a?"chosen":""}>
    <td class="row"><${it} part=${(c??0)/o} />
      <button class="cell" aria-pressed=${a} onClick=${()=>$(e,t.value)}
        title=${i(a?"unfilter":"filterBy",{value:t.value||l})}>
        <${qt} dimension=${e} value=${t.value} />
        <span class=${t.value?"lbl":"lbl none"}>${l}</span>
      </button></td>
    ${n>0&&r`<td class="s">${c==null?_:Tt(Math.min(1,c/n))}</td>`}
    <td class="v" title=${p}>${D[s].short(c)}</td>
  </tr>`}function Be({goals:t}){if(!t.length)return r`<${L} title=${i("noGoals")}>${i("noGoalsText")}<//>`;let e=Math.max(1e-9,...t.map(n=>n.rate??0)),s=t.toSorted((n,o)=>(o.users??-1)-(n.users??-1));return r`<table>
    <colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
    <thead>
      <tr><th scope="col">${i("goal")}</th><th scope="col">${i("rate")}</th><th scope="col">${i("visitors")}</th></tr>
    </thead>
    <tbody>${s.slice(0,B).map(n=>r`<tr key=${n.id}>
      <td class="row"><${it} part=${(n.rate??0)/e} /><span class="cell">
        <span class="lbl">${n.name}</span></span></td>
      <td class="s">${Dt(n.rate)}</td>
      <td class="v" title=${n.users==null?i("notCounted"):`${C(n.conversions)} ${i("conversions")}`}>
        ${D.visitors.short(n.users)}</td>
    </tr>`)}</tbody>
  </table>`}function ie({data:t,state:e}){let{meta:s,previous:n}=t,o=Ut(e.filter).map(Rt);return r`<div class="paper" aria-hidden="true">
    <div class="paper-line"><b class="paper-title">${document.documentElement.dataset.name}</b><span>${i("paperTitle")}</span></div>
    <div class="paper-line"><b>${rt(s.from,s.to)}</b>
      ${n&&r`<span>${i("comparedWith",{period:rt(n.from,n.to)})}</span>`}
      <span class="paper-end">${i("asOf",{time:Nt(s.computed_at),zone:s.zone})}</span></div>
    ${o.length>0&&r`<div class="paper-filters">${i("filters")}: ${o.map(({name:a,values:$},l)=>r`<span
      key=${a+$}>${l>0&&" · "}${a} <b>${$}</b></span>`)}</div>`}
  </div>`}var $t={};tt($t,{PointTable:()=>Ue});function Ue({points:t,before:e,metric:s,unit:n,label:o,now:a}){let{long:$}=D[s],{begun:l,running:c}=lt(t,a);return r`<div class="points" tabindex="0" role="region" aria-label=${o}><table>
    <thead><tr><th scope="col">${i("date")}</th><th scope="col">${i(s)}
      </th>${e&&r`<th scope="col">${i("before")}</th>`}</tr></thead>
    <tbody>${t.map((f,u)=>r`<tr key=${f.ts}>
      <th scope="row">${z(f.ts,n)}${u===c?` (${i("soFar")})`:""}</th>
      <td>${u<l?$(f[s]):_}</td>${e&&r`<td class="none">
        ${e[u]?$(e[u][s]):_}</td>`}</tr>`)}</tbody>
  </table></div>`}var dt={};tt(dt,{Heat:()=>We});var ze=new Intl.DateTimeFormat(te,{weekday:"short",timeZone:"UTC"}),ut=Array.from({length:7},(t,e)=>ze.format(Date.UTC(1970,0,5+e))),le=6;function We({cells:t,zone:e}){let[s,n]=k(null),o=t.flat(),a=Math.max(1,...o),$=o.indexOf(Math.max(...o)),l={day:ut[Math.floor($/24)],hour:`${V($%24)}:00`},c=e+(o[$]?" · "+i("busiest",l):""),f=p=>p?1+Math.min(le-1,Math.floor(p/a*(le-.001))):0,u=p=>n(p.target.dataset.at?.split(",").map(Number)??null);return r`<div class="heat" role="img" aria-label=${i("heatLabel",l)} onPointerMove=${u}
    onPointerLeave=${()=>n(null)}>
      ${t.map((p,h)=>r`<span class="heat-day" key=${h}>${ut[h]}</span>
        ${p.map((b,d)=>r`<i key=${`${h},${d}`} data-at=${`${h},${d}`} class=${"h"+f(b)}></i>`)}`)}
      <span></span>${[0,3,6,9,12,15,18,21].map(p=>r`<span key=${p} class="heat-hour">${V(p)}
        </span>`)}
    </div>
    <div class="panel-foot"><span class="num">
      ${s?i("heatCell",{day:ut[s[0]],hour:`${V(s[1])}:00`,n:C(t[s[0]][s[1]])}):c}
    </span></div>`}var mt=document.documentElement,$e=Promise.resolve(Xt).catch(()=>null),ce=6e4,M=(t,e,s,n)=>({name:t,dimension:e,measure:s,kind:n}),ue=[{name:"pages",tabs:[M("topPages","path","visitors"),M("entryPages","entry_path","visits"),M("exitPages","exit_path","visits")]},{name:"sources",tabs:[M("channels","channel","visits"),M("sources","source","visits"),M("referrers","referrer","visits"),M("campaigns","utm_campaign","visits")],more:["utm_source","utm_medium","utm_term","utm_content"].map(t=>M(t,t,"visits"))},{name:"locations",tabs:[M("map","country","visitors","map"),M("countries","country","visitors"),M("regions","region","visitors"),M("cities","city","visitors")]},{name:"devices",tabs:[M("browsers","browser","visitors"),M("systems","os","visitors"),M("devices","device","visitors")],more:[M("screens","screen","visitors"),M("languages","language","visitors")]},{name:"goalsAndEvents",tabs:[M("goals","goals","visitors","goals"),M("customEvents","type","events")]}];for(let t of ue)t.tabs=t.tabs.filter(e=>kt(e.dimension));function Ge({pages:t}){let[e,s]=Mt(),[n,o]=k(null),[a,$]=k(!1),l=Ct(St(e)),{data:c,isBusy:f,error:u}=l,p=Ke("overview",c!==null&&!f),[h,b]=ts(e,p),[d,v]=k(null),m=et((x,w)=>s({filter:Wt(e.filter,x,w)}),[e.filter]);qe(c,u!==null,l.retry),Ve({state:e,go:s,pages:t,open:o});let g=f&&c!==null,y=es(c!==null&&pt(c));return r`<${Vt} pages=${t} current="overview" isOpen=${a} close=${()=>$(!1)}
    openHelp=${()=>o({kind:"help"})} />
    <main id="main" class="main" tabindex="-1" inert=${a}>
      ${c&&r`<${ie} data=${c} state=${e} />`}
      <${Ze} state=${e} go=${s} isDrawn=${p} openDrawer=${()=>$(!0)} open=${o} />
      <${Qe} error=${u} data=${c} retry=${l.retry} go=${s} />
      <${Gt} state=${e} go=${s} edit=${x=>o({kind:"filter",index:x})} />
      <section class=${"card hero"+(g?" busy":"")} aria-label=${i("overview")}>
        <${Ot} data=${c} metric=${e.metric} choose=${x=>s({metric:x},!0)} />
        <${Xe} data=${c} state=${e} go=${s} notes=${h} hasEvents=${y} open=${o} />
      </section>
      ${!(c&&pt(c))&&r`<div class="panels">
        ${ue.map(x=>r`<${ae} key=${x.name} ...${x} data=${c} isBusy=${g} state=${e}
          choose=${m}
          open=${w=>o({kind:"details",tab:w})} />`)}
        <${ns} data=${c} isBusy=${g} />
      </div>`}
      ${c&&r`<${os} data=${c} took=${l.took} />`}
    </main>
    <${as} opened=${n} state=${e} go=${s} pages=${t} choose=${m} close=${()=>o(null)}
      reloadNotes=${b} say=${v} />
    <${rs} said=${d} close=${()=>v(null)} />`}function Ke(t,e){let[s,n]=k(!1);return S(()=>{if(!e)return;let o=!0,a=()=>{o&&(mt.dataset.drawn=t,n(!0))};return requestAnimationFrame(()=>setTimeout(()=>$e.then(a))),()=>{o=!1,delete mt.dataset.drawn}},[e]),s}function qe(t,e,s){S(()=>{if(e)return addEventListener("online",s),()=>removeEventListener("online",s)},[e]),S(()=>{if(!t||Date.parse(t.meta.to)<Date.now())return;let n=setTimeout(()=>!document.hidden&&s(),ce),o=()=>!document.hidden&&Date.now()-Date.parse(t.meta.computed_at)>ce&&s();return document.addEventListener("visibilitychange",o),()=>{clearTimeout(n),document.removeEventListener("visibilitychange",o)}},[t])}function Ve(t){let e=T(t);e.current=t,S(()=>{$e.then(s=>s?.listen(n=>Ye(n,e.current)))},[])}function Ye(t,{state:e,go:s,pages:n,open:o}){let a=j.find(c=>c.key.toLowerCase()===t);if(a)return()=>s({period:a.name,unit:""});let $=n.find(c=>"g "+c.key.toLowerCase()===t);if($)return()=>location.assign(Yt($));let l={c:()=>s({compare:e.compare==="none"?"previous":"none"}),"/":()=>o({kind:"filter",index:null}),"?":()=>o({kind:"help"}),...K("write")&&{n:()=>o({kind:"notes",day:ot(e)[1],notes:[]})},...!I&&{"g s":()=>location.assign("/")}};return t==="escape"&&e.filter?()=>s({filter:""}):l[t]}function Ze({state:t,go:e,isDrawn:s,openDrawer:n,open:o}){let a=P(s,()=>Promise.resolve(Jt));return r`<div class="head">
    <${Qt} open=${n} />
    <h1 class="vh">${mt.dataset.name}: ${i("overview")}</h1>
    <${Zt} />
    ${a?r`<${a.LiveCount} />`:r`<span class="live"><span class="pulse off"></span>${i("live")}</span>`}
    <div class="head-tools">
      <${Kt} state=${t} go=${e} add=${()=>o({kind:"filter",index:null})}
        save=${()=>o({kind:"segment"})} />
      <${jt} state=${t} go=${e} />
      <${It} state=${t} go=${e} />
      ${K("admin")&&r`<button class="btn" title=${i("shareSite")} onClick=${()=>o({kind:"share"})}>
        <${N} name="share" /><span class="short">${i("shareSite")}</span></button>`}
    </div>
  </div>`}function Qe({error:t,data:e,retry:s,go:n}){if(!t)return null;let{days:o}=t,a=()=>n({period:"custom",from:nt(q(),1-Number(o)),to:q(),unit:""});return r`<div class="card alert" role="alert">
    <div><b>${i(t.status?"problem":"offline")}</b><div>${t.message}</div>
      ${e&&r`<div class="num">${i("shownAsOf",{period:Y(e.meta.from,e.meta.to),time:at(e.meta.computed_at)})}</div>`}</div>
    ${o&&r`<button class="btn" onClick=${a}>${i("lastDays",{n:o},o)}</button>`}
    <button class="btn" onClick=${s}>${i("tryAgain")}</button>
  </div>`}function Xe({data:t,state:e,go:s,notes:n,hasEvents:o,open:a}){let $=e.metric,l=P(n.length>0,()=>import("../chunks/notes-OX4T6CLO.js")),c=P(e.view==="table",()=>Promise.resolve($t));if(!t)return r`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`;let f=i($),u=t.granularity,p=i(u+"Unit"),h=i("chartLabel",{measure:f,unit:p,value:D[$].long(t[$])}),b=Date.parse(t.meta.computed_at),d={points:t.series,before:t.previous?.series,metric:$,unit:u,label:h,now:b},v=(y,x)=>{let w=u==="hour"?x.date:nt(x.to.slice(0,10),-1);(y.date!==w||t.series[0].date!==w)&&s({period:"custom",from:y.date,to:w,unit:""})},m=K("write")?y=>a({kind:"notes",day:y,notes:[]}):void 0,g=y=>a({kind:"notes",day:y[0].day,notes:y});return r`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${f}, ${Y(t.meta.from,t.meta.to)}</span>
      ${t.previous&&r`<span class="legend"><span class="key before"></span>
        ${Y(t.previous.from,t.previous.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${Ft} state=${e} go=${s} /><${Bt} state=${e} go=${s} />
        ${m&&r`<button class="iconbtn" aria-label=${i("addNote")} title=${i("addNote")+" (N)"}
          onClick=${()=>m(ot(e)[1])}><${N} name="note" /></button>`}
        ${!I&&r`<a class="iconbtn" href=${Je(e)} download title=${i("csv")} aria-label=${i("csv")}>
          <${N} name="download" /></a>`}</span>
    </div>
    ${pt(t)?r`<${ss} state=${e} go=${s} hasEvents=${o} />`:e.view==="table"&&c?r`<${c.PointTable} ...${d} />`:r`<${oe} ...${d} notes=${n} zoom=${v} annotate=${m}
          Marks=${l?.NoteMarks} openNotes=${g} />`}
  </div>`}function Je(t){let e=F(t);return e.set("granularity",xt(t)),Pt("reports/timeseries?"+e+"&format=csv")}function ts(t,e){let[s,n]=k(0),[o,a]=k([]),$=F(t,"").toString();return S(()=>{if(!e||I)return;let l=new AbortController;return U("notes?"+$,l.signal).then(c=>a(c.notes),()=>{}),()=>l.abort()},[e,$,s]),[o,et(()=>n(l=>l+1),[])]}var pt=t=>!t.page_views&&!t.events;function es(t){let[e,s]=k(!0);return S(()=>{if(!t||I)return s(!0);let n=o=>s(o.sites.find(a=>a.key===st)?.first_event_at!==null);U("me").then(n,()=>{})},[t]),e}function ss({state:t,go:e,hasEvents:s}){if(!s)return r`<${L} title=${i("emptySite")}>${i("emptySiteText")}<div>
    <a class="btn" href=${`/sites/${encodeURIComponent(st)}/start`}>${i("install")}</a></div><//>`;if(t.filter)return r`<${L} title=${i("emptyFiltered")}><button class="btn"
    onClick=${()=>e({filter:""})}>${i("clearFilters")}</button><//>`;let n=j.find(o=>Number(o.query(q()).days)>wt(t)[1])??j[j.length-1];return r`<${L} title=${i("emptyTitle")}>${i("emptyText")}<div><button class="btn"
    onClick=${()=>e({period:n.name,unit:""})}>${i(n.name)}</button></div><//>`}function ns({data:t,isBusy:e}){let s=P(t!==null,()=>Promise.resolve(dt));return r`<section class=${"card panel"+(e?" busy":"")} aria-label=${i("busiestHours")}>
    <div class="tabs"><h2 class="tab on">${i("busiestHours")}</h2></div>
    ${s&&t?r`<${s.Heat} cells=${t.busiest_hours.page_views} zone=${bt} />`:r`<div
      class="skeleton map-sk"></div><div class="panel-foot"></div>`}
  </section>`}function os({data:t,took:e}){let{meta:s}=t;return r`<footer class="fresh">
    ${s.complete_through&&r`<span class="num">${i("completeThrough",{time:at(s.complete_through)})}</span>`}
    <span>${i("zone",{zone:s.zone})}</span>
    <span>${i(s.source==="raw"?"raw":"rollup")}</span>
    <span class="num">${i("took",{time:e<1e3?`${Math.round(e)} ms`:_t(e/1e3)})}</span>
    <span>${i("distinct")}</span>
  </footer>`}function rs({said:t,close:e}){let s=P(t!==null,()=>import("../chunks/toast-ZDUJUKSP.js"));return r`<div class="toasts" role="status">${t&&s&&r`<${s.Toast} said=${t} close=${e} />`}
    </div>`}function as({opened:t,state:e,go:s,pages:n,choose:o,close:a,reloadNotes:$,say:l}){let c=t?.kind,f=P(c==="details",()=>import("../chunks/details-APTRGEDV.js")),u=P(c==="filter"||c==="segment",()=>import("../chunks/filter_dialog-4R34KRAR.js")),p=P(c==="help",()=>import("../chunks/help-2YLRXWVZ.js")),h=P(c==="share",()=>import("../chunks/share_dialog-ILQKLJYN.js")),b=P(c==="notes",()=>import("../chunks/notes-XURFV4KY.js"));return t?.kind==="share"&&h?r`<${h.default} close=${a} />`:t?.kind==="details"&&f?r`<${f.default} tab=${t.tab} state=${e}
    choose=${o} close=${a} />`:t?.kind==="filter"&&u?r`<${u.default} state=${e} go=${s} index=${t.index}
    close=${a} />`:t?.kind==="segment"&&u?r`<${u.SegmentDialog} state=${e} go=${s} close=${a} />`:t?.kind==="notes"&&b?r`<${b.default} ...${t} reload=${$} say=${l}
    close=${a} />`:t?.kind==="help"&&p?r`<${p.default} pages=${n} hasPeriods=${!0}
    hasFilters=${!0} close=${a} />`:null}export{Ge as default};
