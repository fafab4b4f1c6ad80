import{a as re,b as pe,d as we}from"../chunks/chunk-YF7XTT2S.js";import{a as oe}from"../chunks/chunk-ZJPEX3X2.js";import{a as ye}from"../chunks/chunk-5QQWLRGC.js";import"../chunks/chunk-6M7UO4EF.js";import{Ea as ke,Fa as r,I as ee,J as N,Ja as Ee,K as te,La as Se,Ma as B,N as T,O as j,Pa as Pe,Ra as v,T as U,U as se,X as ne,Y as A,a as Ne,b,c as E,ca as ie,d as K,da as ae,ea as le,f as L,fa as ce,g as n,h as O,ha as ue,i as Q,k as _,l as Y,m as x,n as M,na as $e,o as R,oa as me,p as C,pa as de,ra as H,s as G,t as z,ta as fe,u as J,ua as ve,v as F,va as he,w as W,xa as be,ya as ge,z as X}from"../chunks/chunk-UMTCUHV3.js";function _e({data:e,state:t}){let{meta:s,previous:i}=e,o=ue(t.filter).map(ne);return n`<div class="paper" aria-hidden="true">
    <div class="paper-line"><b class="paper-title">${document.documentElement.dataset.name}</b><span>${r("paperTitle")}</span></div>
    <div class="paper-line"><b>${j(s.from,s.to)}</b>
      ${i&&n`<span>${r("comparedWith",{period:j(i.from,i.to)})}</span>`}
      <span class="paper-end">${r("asOf",{time:se(s.computed_at),zone:s.zone})}</span></div>
    ${o.length>0&&n`<div class="paper-filters">${r("filters")}: ${o.map(({name:l,values:c},u)=>n`<span
      key=${l+c}>${u>0&&" · "}${l} <b>${c}</b></span>`)}</div>`}
  </div>`}var I={};Ne(I,{Heat:()=>Ae});var Te=new Intl.DateTimeFormat(ke,{weekday:"short",timeZone:"UTC"}),q=Array.from({length:7},(e,t)=>Te.format(Date.UTC(1970,0,5+t))),Ce=6;function Ae({cells:e,zone:t}){let[s,i]=b(null),o=e.flat(),l=Math.max(1,...o),c=o.indexOf(Math.max(...o)),u={day:q[Math.floor(c/24)],hour:`${N(c%24)}:00`},a=t+(o[c]?" · "+r("busiest",u):""),h=m=>m?1+Math.min(Ce-1,Math.floor(m/l*(Ce-.001))):0,d=m=>i(m.target.dataset.at?.split(",").map(Number)??null);return n`<div class="heat" role="img" aria-label=${r("heatLabel",u)} onPointerMove=${d}
    onPointerLeave=${()=>i(null)}>
      ${e.map((m,p)=>n`<span class="heat-day" key=${p}>${q[p]}</span>
        ${m.map((y,w)=>n`<i key=${`${p},${w}`} data-at=${`${p},${w}`} class=${"h"+h(y)}></i>`)}`)}
      <span></span>${[0,3,6,9,12,15,18,21].map(m=>n`<span key=${m} class="heat-hour">${N(m)}
        </span>`)}
    </div>
    <div class="panel-foot"><span class="num">
      ${s?r("heatCell",{day:q[s[0]],hour:`${N(s[1])}:00`,n:X(e[s[0]][s[1]])}):a}
    </span></div>`}var V=document.documentElement,xe=Promise.resolve(ge).catch(()=>null),De=6e4,$=(e,t,s,i)=>({name:e,dimension:t,measure:s,kind:i}),Me=[{name:"pages",tabs:[$("topPages","path","visitors"),$("entryPages","entry_path","visits"),$("exitPages","exit_path","visits")]},{name:"sources",tabs:[$("channels","channel","visits"),$("sources","source","visits"),$("referrers","referrer","visits"),$("campaigns","utm_campaign","visits")],more:["utm_source","utm_medium","utm_term","utm_content"].map(e=>$(e,e,"visits"))},{name:"locations",tabs:[$("map","country","visitors","map"),$("countries","country","visitors"),$("regions","region","visitors"),$("cities","city","visitors")]},{name:"devices",tabs:[$("browsers","browser","visitors"),$("systems","os","visitors"),$("devices","device","visitors")],more:[$("screens","screen","visitors"),$("languages","language","visitors")]},{name:"goalsAndEvents",tabs:[$("goals","goals","visitors","goals"),$("customEvents","type","events")]}];for(let e of Me)e.tabs=e.tabs.filter(t=>Y(t.dimension));function He({pages:e}){let[t,s]=W(),[i,o]=b(null),[l,c]=b(!1),u=Pe(Ee(t)),{data:a,isBusy:h,error:d}=u,m=Le("overview",a!==null&&!h),[p,y]=qe(t,m),[w,D]=b(null),S=L((f,k)=>s({filter:$e(t.filter,f,k)}),[t.filter]);Oe(a,d!==null,u.retry),Re({state:t,go:s,pages:e,open:o});let P=h&&a!==null,g=Ie(a!==null&&Z(a));return n`<${fe} pages=${e} current="overview" isOpen=${l} close=${()=>c(!1)}
    openHelp=${()=>o({kind:"help"})} />
    <main id="main" class="main" tabindex="-1" inert=${l}>
      ${a&&n`<${_e} data=${a} state=${t} />`}
      <${Fe} state=${t} go=${s} isDrawn=${m} openDrawer=${()=>c(!0)} open=${o} />
      <${je} error=${d} data=${a} retry=${u.retry} go=${s} />
      <${me} state=${t} go=${s} edit=${f=>o({kind:"filter",index:f})} />
      <section class=${"card hero"+(P?" busy":"")} aria-label=${r("overview")}>
        <${oe} data=${a} metric=${t.metric} choose=${f=>s({metric:f},!0)} />
        <${Ue} data=${a} state=${t} go=${s} notes=${p} hasEvents=${g} open=${o} />
      </section>
      ${!(a&&Z(a))&&n`<div class="panels">
        ${Me.map(f=>n`<${pe} key=${f.name} ...${f} data=${a} isBusy=${P} state=${t}
          choose=${S}
          open=${k=>o({kind:"details",tab:k})} />`)}
        <${Ze} data=${a} isBusy=${P} />
      </div>`}
      ${a&&n`<${Ke} data=${a} took=${u.took} />`}
    </main>
    <${Ye} opened=${i} state=${t} go=${s} pages=${e} choose=${S} close=${()=>o(null)}
      reloadNotes=${y} say=${D} />
    <${Qe} said=${w} close=${()=>D(null)} />`}function Le(e,t){let[s,i]=b(!1);return E(()=>{if(!t)return;let o=!0,l=()=>{o&&(V.dataset.drawn=e,i(!0))};return requestAnimationFrame(()=>setTimeout(()=>xe.then(l))),()=>{o=!1,delete V.dataset.drawn}},[t]),s}function Oe(e,t,s){E(()=>{if(t)return addEventListener("online",s),()=>removeEventListener("online",s)},[t]),E(()=>{if(!e||Date.parse(e.meta.to)<Date.now())return;let i=setTimeout(()=>!document.hidden&&s(),De),o=()=>!document.hidden&&Date.now()-Date.parse(e.meta.computed_at)>De&&s();return document.addEventListener("visibilitychange",o),()=>{clearTimeout(i),document.removeEventListener("visibilitychange",o)}},[e])}function Re(e){let t=K(e);t.current=e,E(()=>{xe.then(s=>s?.listen(i=>ze(i,t.current)))},[])}function ze(e,{state:t,go:s,pages:i,open:o}){let l=C.find(a=>a.key.toLowerCase()===e);if(l)return()=>s({period:l.name,unit:""});let c=i.find(a=>"g "+a.key.toLowerCase()===e);if(c)return()=>location.assign(ve(c));let u={c:()=>s({compare:t.compare==="none"?"previous":"none"}),"/":()=>o({kind:"filter",index:null}),"?":()=>o({kind:"help"}),...x("write")&&{n:()=>o({kind:"notes",day:z(t)[1],notes:[]})},...!_&&{"g s":()=>location.assign("/")}};return e==="escape"&&t.filter?()=>s({filter:""}):u[e]}function Fe({state:e,go:t,isDrawn:s,openDrawer:i,open:o}){let l=v(s,()=>Promise.resolve(ye));return n`<div class="head">
    <${be} open=${i} />
    <h1 class="vh">${V.dataset.name}: ${r("overview")}</h1>
    <${he} />
    ${l?n`<${l.LiveCount} />`:n`<span class="live"><span class="pulse off"></span>${r("live")}</span>`}
    <div class="head-tools">
      <${de} state=${e} go=${t} add=${()=>o({kind:"filter",index:null})}
        save=${()=>o({kind:"segment"})} />
      <${ae} state=${e} go=${t} />
      <${ie} state=${e} go=${t} />
      ${x("admin")&&n`<button class="btn" title=${r("shareSite")} onClick=${()=>o({kind:"share"})}>
        <${A} name="share" /><span class="short">${r("shareSite")}</span></button>`}
    </div>
  </div>`}function je({error:e,data:t,retry:s,go:i}){if(!e)return null;let{days:o}=e,l=()=>i({period:"custom",from:R(M(),1-Number(o)),to:M(),unit:""});return n`<div class="card alert" role="alert">
    <div><b>${r(e.status?"problem":"offline")}</b><div>${e.message}</div>
      ${t&&n`<div class="num">${r("shownAsOf",{period:T(t.meta.from,t.meta.to),time:U(t.meta.computed_at)})}</div>`}</div>
    ${o&&n`<button class="btn" onClick=${l}>${r("lastDays",{n:o},o)}</button>`}
    <button class="btn" onClick=${s}>${r("tryAgain")}</button>
  </div>`}function Ue({data:e,state:t,go:s,notes:i,hasEvents:o,open:l}){let c=t.metric,u=v(i.length>0,()=>import("../chunks/notes-EWTKDDVJ.js")),a=v(t.view==="table",()=>Promise.resolve(we));if(!e)return n`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`;let h=r(c),d=e.granularity,m=r(d+"Unit"),p=r("chartLabel",{measure:h,unit:m,value:te[c].long(e[c])}),y=Date.parse(e.meta.computed_at),w={points:e.series,before:e.previous?.series,metric:c,unit:d,label:p,now:y},D=(g,f)=>{let k=d==="hour"?f.date:R(f.to.slice(0,10),-1);(g.date!==k||e.series[0].date!==k)&&s({period:"custom",from:g.date,to:k,unit:""})},S=x("write")?g=>l({kind:"notes",day:g,notes:[]}):void 0,P=g=>l({kind:"notes",day:g[0].day,notes:g});return n`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${h}, ${T(e.meta.from,e.meta.to)}</span>
      ${e.previous&&n`<span class="legend"><span class="key before"></span>
        ${T(e.previous.from,e.previous.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${le} state=${t} go=${s} /><${ce} state=${t} go=${s} />
        ${S&&n`<button class="iconbtn" aria-label=${r("addNote")} title=${r("addNote")+" (N)"}
          onClick=${()=>S(z(t)[1])}><${A} name="note" /></button>`}
        ${!_&&n`<a class="iconbtn" href=${Be(t)} download title=${r("csv")} aria-label=${r("csv")}>
          <${A} name="download" /></a>`}</span>
    </div>
    ${Z(e)?n`<${Ve} state=${t} go=${s} hasEvents=${o} />`:t.view==="table"&&a?n`<${a.PointTable} ...${w} />`:n`<${re} ...${w} notes=${i} zoom=${D} annotate=${S}
          Marks=${u?.NoteMarks} openNotes=${P} />`}
  </div>`}function Be(e){let t=F(e);return t.set("granularity",J(e)),Se("reports/timeseries?"+t+"&format=csv")}function qe(e,t){let[s,i]=b(0),[o,l]=b([]),c=F(e,"").toString();return E(()=>{if(!t||_)return;let u=new AbortController;return B("notes?"+c,u.signal).then(a=>l(a.notes),()=>{}),()=>u.abort()},[t,c,s]),[o,L(()=>i(u=>u+1),[])]}var Z=e=>!e.page_views&&!e.events;function Ie(e){let[t,s]=b(!0);return E(()=>{if(!e||_)return s(!0);let i=o=>s(o.sites.find(l=>l.key===O)?.first_event_at!==null);B("me").then(i,()=>{})},[e]),t}function Ve({state:e,go:t,hasEvents:s}){if(!s)return n`<${H} title=${r("emptySite")}>${r("emptySiteText")}<div>
    <a class="btn" href=${`/sites/${encodeURIComponent(O)}/start`}>${r("install")}</a></div><//>`;if(e.filter)return n`<${H} title=${r("emptyFiltered")}><button class="btn"
    onClick=${()=>t({filter:""})}>${r("clearFilters")}</button><//>`;let i=C.find(o=>Number(o.query(M()).days)>G(e)[1])??C[C.length-1];return n`<${H} title=${r("emptyTitle")}>${r("emptyText")}<div><button class="btn"
    onClick=${()=>t({period:i.name,unit:""})}>${r(i.name)}</button></div><//>`}function Ze({data:e,isBusy:t}){let s=v(e!==null,()=>Promise.resolve(I));return n`<section class=${"card panel"+(t?" busy":"")} aria-label=${r("busiestHours")}>
    <div class="tabs"><h2 class="tab on">${r("busiestHours")}</h2></div>
    ${s&&e?n`<${s.Heat} cells=${e.busiest_hours.page_views} zone=${Q} />`:n`<div
      class="skeleton map-sk"></div><div class="panel-foot"></div>`}
  </section>`}function Ke({data:e,took:t}){let{meta:s}=e;return n`<footer class="fresh">
    ${s.complete_through&&n`<span class="num">${r("completeThrough",{time:U(s.complete_through)})}</span>`}
    <span>${r("zone",{zone:s.zone})}</span>
    <span>${r(s.source==="raw"?"raw":"rollup")}</span>
    <span class="num">${r("took",{time:t<1e3?`${Math.round(t)} ms`:ee(t/1e3)})}</span>
    <span>${r("distinct")}</span>
  </footer>`}function Qe({said:e,close:t}){let s=v(e!==null,()=>import("../chunks/toast-DACOA4F2.js"));return n`<div class="toasts" role="status">${e&&s&&n`<${s.Toast} said=${e} close=${t} />`}
    </div>`}function Ye({opened:e,state:t,go:s,pages:i,choose:o,close:l,reloadNotes:c,say:u}){let a=e?.kind,h=v(a==="details",()=>import("../chunks/details-VW4UF2PW.js")),d=v(a==="filter"||a==="segment",()=>import("../chunks/filter_dialog-OXBXUQFM.js")),m=v(a==="help",()=>import("../chunks/help-RGOW7H5Z.js")),p=v(a==="share",()=>import("../chunks/share_dialog-36R4JGOM.js")),y=v(a==="notes",()=>import("../chunks/notes-LVOKNZJH.js"));return e?.kind==="share"&&p?n`<${p.default} close=${l} />`:e?.kind==="details"&&h?n`<${h.default} tab=${e.tab} state=${t}
    choose=${o} close=${l} />`:e?.kind==="filter"&&d?n`<${d.default} state=${t} go=${s} index=${e.index}
    close=${l} />`:e?.kind==="segment"&&d?n`<${d.SegmentDialog} state=${t} go=${s} close=${l} />`:e?.kind==="notes"&&y?n`<${y.default} ...${e} reload=${c} say=${u}
    close=${l} />`:e?.kind==="help"&&m?n`<${m.default} pages=${i} hasPeriods=${!0}
    hasFilters=${!0} close=${l} />`:null}export{He as default};
