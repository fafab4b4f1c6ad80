import{a as K,b as U,c as Q}from"../chunks/chunk-EYHYDCTI.js";import"../chunks/chunk-F55LMHVL.js";import{a as G,b as P}from"../chunks/chunk-UO3QC5Z5.js";import"../chunks/chunk-5QQWLRGC.js";import"../chunks/chunk-6M7UO4EF.js";import{A as S,C as A,E as T,Fa as a,La as W,Ma as Y,Pa as M,Q as w,R as B,Y as H,b as x,c as q,d as I,g as c,h as O,m as z,p as D,ra as C,s as R,v as _,w as N,y as j,z as k}from"../chunks/chunk-UMTCUHV3.js";var J=6;function V({data:e,isNumbers:t,open:n}){let{unit:r,cohorts:o}=e,[i,s]=x([1,0]),[l,$]=Z(i,o),[d,m]=x(!1),f=I(),u=e.average_rates.length,h=a(r+"Unit"),v=p=>{let b=it(p,l,$,o);b&&(p.preventDefault(),s(b),f.current.querySelector(`[data-at="${b.join()}"]`)?.focus())},y=p=>{p.target.dataset.at&&(s(p.target.dataset.at.split(",").map(Number)),m(!0))},g={columns:u,isNumbers:t,data:e,open:n,at:[l,$],max:ot(e)};return c`<div class="cohorts">
      <table ref=${f} role="grid" aria-label=${a("gridLabel",{unit:h})} onKeyDown=${v}
        onFocusIn=${y} style=${{"--n":u}}>
        <thead><tr><th scope="col">${a("cohort")}</th><th scope="col">${a("people")}</th>
          ${Array.from({length:u-1},(p,b)=>c`<th scope="col" key=${b}>${X(r,b+1)}
            </th>`)}</tr></thead>
        <tbody>
          <${at} ...${g} />
          ${o.map((p,b)=>c`<${ct} key=${p.start} cohort=${p} number=${b}
            ...${g} />`)}
        </tbody>
      </table>
    </div>
    <div class="panel-foot"><span class="num" role="status">${d?E(e,l,$):""}</span>
      <span class="hide-small">${a(n?"gridHintOpen":"gridHint")}</span></div>`}var X=(e,t)=>a("offset_"+e,{n:t}),ot=({cohorts:e})=>Math.max(1e-9,...e.flatMap(t=>t.rates.slice(1).map(n=>n??0)));function Z([e,t],n){let r=Math.max(0,Math.min(n.length,e)),o=(r?n[r-1].retained.length:n.length)-1;return[r,Math.max(r||!o?0:1,Math.min(o,t))]}function it({key:e,ctrlKey:t,metaKey:n},r,o,i){let s=t||n,l={ArrowRight:[r,o+1],ArrowLeft:[r,o-1],ArrowDown:[r+1,o],ArrowUp:[r-1,o],Home:[s?0:r,0],End:[s?i.length:r,1/0]}[e];return l&&Z(l,i)}function at({columns:e,data:t,at:n,max:r}){let o=i=>n[0]===0&&n[1]===i?0:-1;return c`<tr class="average"><th scope="row" title=${a("averageTitle")}>${a("average")}</th>
    <td></td>
    ${t.average_rates.slice(1,e).map((i,s)=>c`<td key=${s}
      class=${i===null?"":"c"+tt(i,r)}><span class="cohort-cell" data-at=${`0,${s+1}`}
        tabindex=${o(s+1)} title=${E(t,0,s+1)}>${i===null?"":T(i)}</span></td>`)}
  </tr>`}function ct({columns:e,cohort:t,number:n,data:r,isNumbers:o,open:i,at:s,max:l}){let $=r.units_over-n,d=t.retained.map((f,u)=>{let h=s[0]===n+1&&s[1]===u,v=u===0?S(t.size):o?S(f):T(t.rates[u]),y={class:"cohort-cell","data-at":`${n+1},${u}`,tabindex:h?0:-1,title:E(r,n+1,u)},g=u&&t.size?"c"+tt(t.rates[u]??0,l):"",p=t.size?v:u?"":"0";return c`<td key=${u} class=${g+(u>=$?" hatched":"")}>
      ${i&&f?c`<a ...${y} href=${i(t.start,u)}>${p}</a>`:c`<span ...${y}>${p}</span>`}</td>`}),m=e-t.retained.length;return c`<tr><th scope="row">${w(t.start,r.unit)}</th>${d}
    ${m>0&&c`<td class="rest" colspan=${m}></td>`}</tr>`}var tt=(e,t)=>e?Math.min(J,1+Math.floor(e/t*(J-.001))):0;function E({unit:e,cohorts:t,average_rates:n,units_over:r},o,i){let s=X(e,i);if(!o)return n[i]==null?"":a("averageText",{offset:s,rate:T(n[i])});let{start:l,size:$,retained:d,rates:m}=t[o-1],f={cohort:w(l,e),offset:s,n:k(i?d[i]:$),size:k($),rate:T(m[i])},u=a(i?"cellText":"cohortText",f,$);return o-1+i<r?u:`${u} (${a("notOver")})`}function et({columns:e,label:t,format:n,name:r,read:o}){let i=Math.max(1,...e.map($=>$.parts.reduce((d,[,m])=>d+m,0))),s=-Math.max(0,...e.map($=>$.below[1])),l=({x:$,y:d,band:m})=>{let f=Math.max(2,Math.min(40,m*.72)),u=(h,v,y,g)=>y!==g&&c`<rect class=${"part-"+h} x=${$(v)-f/2}
      width=${f} y=${d(g)} height=${Math.max(1,d(y)-d(g))} />`;return e.map((h,v)=>{let y=0;return c`<g key=${v} class=${h.isOpen?"open":""}>
        ${h.parts.map(([g,p])=>u(g,v,y,y+=p))}
        ${u(h.below[0],v,-h.below[1],0)}</g>`})};return c`<${K} count=${e.length} low=${s} high=${i} kind="visitors" label=${t} format=${n}
    name=${r} read=${o} draw=${l} />`}var lt={period:"91d",type:"",numbers:""},$t=["day","week","month"],ut=100;function pt({pages:e}){let[t,n]=N(lt),r=rt(t),o=F(t,r),i=dt(t),s=M(i),l=s.data!==null&&!s.isBusy;return c`<${G} pages=${e} name="retention" title=${a("retention")} intro=${a("retentionIntro")}
    isReady=${l} state=${t} go=${n} tools=${["filter","period"]}>
    <${P} error=${s.error} retry=${s.retry} go=${n} />
    <section class=${"card panel"+(s.isBusy&&s.data?" busy":"")} aria-label=${a("retention")}>
      <div class="plot-head tools-row">
        <${mt} unit=${r} state=${t} go=${n} /><${ft} state=${t} go=${n} />
        <${ht} state=${t} go=${n} /><span class="grow"></span>
        <a class="iconbtn" href=${W(i+"&format=csv")} download title=${a("csv")}
          aria-label=${a("csv")}><${H} name="download" /></a>
      </div>
      <${yt} data=${s.data} state=${t} go=${n} isFailed=${s.error!==null} />
    </section>
    <div class="panels">
      <${bt} query=${o.toString()} state=${t} go=${n} />
      <${wt} query=${F(t).toString()} state=${t} go=${n} />
    </div>
  <//>`}function dt(e){let t=F(e,rt(e));return e.filter&&t.set("filter",e.filter),"reports/retention?"+t}var nt=e=>$t.filter(t=>({day:e<=45,week:e>13,month:e>59})[t]);function rt(e){let[,t]=R(e);return nt(t).includes(e.unit)?e.unit:t<=13?"day":t<=200?"week":"month"}function F(e,t){let n=_(e,"");return t&&n.set("unit",t),e.type&&n.set("type",e.type),n}function mt({unit:e,state:t,go:n}){let r=nt(R(t)[1]);return r.length<2?null:c`<span class="seg" role="group" aria-label=${a("interval")}>${r.map(o=>c`<button key=${o}
    aria-pressed=${o===e} onClick=${()=>n({unit:o})}>${a(o+"Unit")}</button>`)}</span>`}var ft=({state:e,go:t})=>c`<span class="seg" role="group" aria-label=${a("showAs")}>
  <button aria-pressed=${!e.numbers} onClick=${()=>t({numbers:""},!0)}>${a("percentages")}</button>
  <button aria-pressed=${!!e.numbers} onClick=${()=>t({numbers:"1"},!0)}>${a("numbers")}</button></span>`;function ht({state:e,go:t}){let[n,r]=x([]),o=_(e,"")+`&dimension=type&limit=${ut}`;q(()=>{let s=new AbortController,l=$=>r($.rows.flatMap(d=>d.value??[]));return Y("reports/breakdown?"+o,s.signal).then(l,()=>{}),()=>s.abort()},[o]);let i=e.type&&!n.includes(e.type)?[e.type,...n]:n;return c`<select class="choice" aria-label=${a("eventType")} value=${e.type}
    onChange=${s=>t({type:s.target.value})}>
    <option value="">${a("anyEvent")}</option>
    ${i.map(s=>c`<option key=${s} value=${s} selected=${s===e.type}>${s}</option>`)}</select>`}function yt({data:e,state:t,go:n,isFailed:r}){if(!e)return c`<div class=${(r?"":"skeleton ")+"cohorts-sk"}></div>`;if(!e.cohorts.some(i=>i.size))return c`<${vt} state=${t} go=${n} />`;let o=(i,s)=>{let l=new URLSearchParams({cohort:i,unit:e.unit,offset:String(s)});return t.type&&l.set("type",t.type),t.filter&&l.set("filter",t.filter),`/sites/${encodeURIComponent(O)}/users?${l}`};return c`<${V} data=${gt(e)} isNumbers=${!!t.numbers} open=${z("export")?o:void 0} />`}function gt(e){let t=e.cohorts.findIndex(r=>r.size),n=e.cohorts.slice(t);return{...e,cohorts:n,average_rates:e.average_rates.slice(0,n.length),units_over:e.units_over-t}}function vt({state:e,go:t}){let n=a("noCohorts");if(e.filter)return c`<${C} title=${n}><button class="btn" onClick=${()=>t({filter:""})}>
    ${a("clearFilters")}</button><//>`;let r=D.find(o=>o.name===(R(e)[1]<91?"91d":"year"));return c`<${C} title=${n}>${a("emptyText")}${r&&r.name!==e.period&&c`<div><button
    class="btn" onClick=${()=>t({period:r.name,unit:""})}>${a(r.name)}</button></div>`}<//>`}var L=["returning","resurrected","new"];function bt({query:e,state:t,go:n}){let{data:r,isBusy:o,error:i,retry:s}=M("reports/lifecycle?"+e);return c`<${st} title=${a("lifecycle")} text=${a("lifecycleText")} isBusy=${o&&r!==null}
    isFiltered=${!!t.filter}
    legend=${[...L.toReversed(),"dormant"].map(l=>c`<${U} key=${l} kind=${"part-"+l}
      name=${a(l)} />`)}>
    <${P} error=${i} retry=${s} go=${n} />
    ${r?c`<${kt} data=${r} />`:!i&&c`<div class="skeleton plot-sk"></div>`}
  <//>`}function kt({data:e}){let{series:t,granularity:n}=e;if(!t.some(s=>s.active||s.dormant))return c`<${C} title=${a("nothing")}>${a("nothingText")}<//>`;let r=s=>s===t.length-1&&!e.last_is_over,o=t.map((s,l)=>({isOpen:r(l),below:["dormant",s.dormant],parts:L.map($=>[$,s[$]])}));return c`<${et} columns=${o} format=${S} read=${s=>({title:w(t[s].date,n)+(r(s)?` (${a("soFar")})`:""),rows:["active",...L.toReversed(),"dormant"].map(l=>({kind:"part-"+l,name:a(l),value:k(t[s][l])}))})}
    label=${a("lifecycleLabel",{unit:a(n+"Unit")})}
    name=${s=>B(t[s].date,n)} />`}function wt({query:e,state:t,go:n}){let{data:r,isBusy:o,error:i,retry:s}=M("reports/stickiness?"+e);return c`<${st} title=${a("stickiness")} text=${a("stickinessText")} isBusy=${o&&r!==null}
    isFiltered=${!!t.filter} legend=${c`<${U} kind="line-first" name=${a("stickiness")} />`}>
    <${P} error=${i} retry=${s} go=${n} />
    ${r?c`<${xt} data=${r} />`:!i&&c`<div class="skeleton plot-sk"></div>`}
  <//>`}function xt({data:e}){let{series:t}=e;if(!t.some(r=>r.mau))return c`<${C} title=${a("nothing")}>${a("nothingText")}<//>`;let n=r=>{let o=t[r],i=(s,l,$)=>({kind:s,name:a(l),value:$});return{title:w(o.date,"day"),rows:[i("line-first","stickiness",o.stickiness===null?j:A(o.stickiness)),i("","dau",k(o.dau)),i("","wau",k(o.wau)),i("","mau",k(o.mau))]}};return c`<${Q} lines=${[{kind:"first",values:t.map(r=>r.stickiness)}]} kind="bounce_rate"
    label=${a("stickinessLabel")} format=${A} read=${n} isOpen=${Date.parse(e.meta.to)>Date.now()}
    name=${r=>B(t[r].date,"day")} />`}var st=({title:e,text:t,isBusy:n,isFiltered:r,legend:o,children:i})=>c`<section
  class=${"card panel"+(n?" busy":"")} aria-label=${e}>
  <div class="tabs"><h2 class="tab on">${e}</h2></div>
  <div class="plot">${o&&c`<div class="plot-head">${o}</div>`}${i}</div>
  <div class="panel-foot"><span>${t}${r?" "+a("unfiltered"):""}</span></div>
</section>`;export{lt as DEFAULTS,pt as default,dt as gridPath};
