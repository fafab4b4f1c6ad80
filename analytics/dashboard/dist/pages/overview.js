import{a as we,b as Ee,d as Se,e as _e}from"../chunks/chunk-MPMQ2PPM.js";import{a as be,b as ge,f as ke,g as ye}from"../chunks/chunk-R6ISBZZL.js";import{A as j,B as X,Ca as pe,Da as de,E as ee,Ea as r,Ha as fe,Ja as ve,Ka as q,N as te,Na as he,O as A,P,Pa as v,S as T,T as U,W as B,X as se,Z as ne,a as Ae,aa as oe,b,c as E,ca as H,d as Z,ea as L,f as O,g as n,ga as re,h as R,ha as ie,i as Q,ja as ae,k as C,la as le,m as Y,n as M,na as ce,p as N,q as F,s as D,ta as ue,ua as $e,va as me,w as G,x as z,z as J}from"../chunks/chunk-DVZ2JOGS.js";var Te=["visitors","visits","page_views","views_per_visit","bounce_rate","avg_visit_duration_s"];function Ce({data:e,metric:t,choose:s}){return n`<div class="kpis" role="group" aria-label=${r("figures")}>
${Te.map(i=>n`<button key=${i} class="kpi" aria-pressed=${t===i} onClick=${()=>s(i)}
title=${e?P[i].long(e[i]):""}>
<span class="kpi-label">${r(i)}</span>
${e?n`<${He} data=${e} name=${i} />`:n`<span class="sk w6"></span><span class="sk w4"></span>`}
</button>`)}
</div>`}function He({data:e,name:t}){let{short:s,good:i}=P[t],o=e.previous?.[t];return n`<span class="kpi-value">${s(e[t])}</span>
<span class="kpi-foot">${e.previous&&n`<${ge} change=${e.change?.[t]} good=${i} />
${o!=null&&n`<span>${r("fromValue",{value:s(o)})}</span>`}`}</span>`}function De({data:e,state:t}){let{meta:s,previous:i}=e,o=ce(t.filter).map(ne);return n`<div class="paper" aria-hidden="true">
<div class="paper-line"><b class="paper-title">${document.documentElement.dataset.name}</b><span>${r("paperTitle")}</span></div>
<div class="paper-line"><b>${U(s.from,s.to)}</b>
${i&&n`<span>${r("comparedWith",{period:U(i.from,i.to)})}</span>`}
<span class="paper-end">${r("asOf",{time:se(s.computed_at),zone:s.zone})}</span></div>
${o.length>0&&n`<div class="paper-filters">${r("filters")}: ${o.map(({name:l,values:c},u)=>n`<span
key=${l+c}>${u>0&&" · "}${l} <b>${c}</b></span>`)}</div>`}
</div>`}var V={};Ae(V,{Heat:()=>Oe});var Le=new Intl.DateTimeFormat(pe,{weekday:"short",timeZone:"UTC"}),I=Array.from({length:7},(e,t)=>Le.format(Date.UTC(1970,0,5+t))),Pe=6;function Oe({cells:e,zone:t}){let[s,i]=b(null),o=e.flat(),l=Math.max(1,...o),c=o.indexOf(Math.max(...o)),u={day:I[Math.floor(c/24)],hour:`${A(c%24)}:00`},a=t+(o[c]?" · "+r("busiest",u):""),h=m=>m?1+Math.min(Pe-1,Math.floor(m/l*(Pe-.001))):0,p=m=>i(m.target.dataset.at?.split(",").map(Number)??null);return n`<div class="heat" role="img" aria-label=${r("heatLabel",u)} onPointerMove=${p}
onPointerLeave=${()=>i(null)}>
${e.map((m,d)=>n`<span class="heat-day" key=${d}>${I[d]}</span>
${m.map((k,y)=>n`<i key=${`${d},${y}`} data-at=${`${d},${y}`} class=${"h"+h(k)}></i>`)}`)}
<span></span>${[0,3,6,9,12,15,18,21].map(m=>n`<span key=${m} class="heat-hour">${A(m)}
</span>`)}
</div>
<div class="panel-foot"><span class="num">
${s?r("heatCell",{day:I[s[0]],hour:`${A(s[1])}:00`,n:ee(e[s[0]][s[1]])}):a}
</span></div>`}await de(()=>import("../chunks/words_overview-JDUB3DUV.js"),()=>import("../chunks/words_overview_de-5FCTA3VK.js"));var K=document.documentElement,Me=Promise.resolve(oe).catch(()=>null),xe=6e4,$=(e,t,s,i)=>({name:e,dimension:t,measure:s,kind:i}),Ne=[{name:"pages",tabs:[$("topPages","path","visitors"),$("entryPages","entry_path","visits"),$("exitPages","exit_path","visits")]},{name:"sources",tabs:[$("channels","channel","visits"),$("sources","source","visits"),$("referrers","referrer","visits"),$("campaigns","utm_campaign","visits")],more:["utm_source","utm_medium","utm_term","utm_content"].map(e=>$(e,e,"visits"))},{name:"locations",tabs:[$("map","country","visitors","map"),$("countries","country","visitors"),$("regions","region","visitors"),$("cities","city","visitors")]},{name:"devices",tabs:[$("browsers","browser","visitors"),$("systems","os","visitors"),$("devices","device","visitors")],more:[$("screens","screen","visitors"),$("languages","language","visitors")]},{name:"goalsAndEvents",tabs:[$("goals","goals","visitors","goals"),$("customEvents","type","events")]}];for(let e of Ne)e.tabs=e.tabs.filter(t=>Y(t.dimension));function Re({pages:e}){let[t,s]=X(),[i,o]=b(null),[l,c]=b(!1),u=he(fe(t)),{data:a,isBusy:h,error:p}=u,m=Fe("overview",a!==null&&!h),[d,k]=Ke(t,m),[y,x]=b(null),S=O((f,w)=>s({filter:ue(t.filter,f,w)}),[t.filter]);ze(a,p!==null,u.retry),je({state:t,go:s,pages:e,open:o});let _=h&&a!==null,g=We(a!==null&&W(a));return n`<${re} pages=${e} current="overview" isOpen=${l} close=${()=>c(!1)}
openHelp=${()=>o({kind:"help"})} />
<main id="main" class="main" tabindex="-1" inert=${l}>
${a&&n`<${De} data=${a} state=${t} />`}
<${Be} state=${t} go=${s} isDrawn=${m} openDrawer=${()=>c(!0)} open=${o} />
<${qe} error=${p} data=${a} retry=${u.retry} go=${s} />
<${$e} state=${t} go=${s} edit=${f=>o({kind:"filter",index:f})} />
<section class=${"card hero"+(_?" busy":"")} aria-label=${r("overview")}>
<${Ce} data=${a} metric=${t.metric} choose=${f=>s({metric:f},!0)} />
<${Ie} data=${a} state=${t} go=${s} notes=${d} hasEvents=${g} open=${o} />
</section>
${!(a&&W(a))&&n`<div class="panels">
${Ne.map(f=>n`<${_e} key=${f.name} ...${f} data=${a} isBusy=${_} state=${t}
choose=${S}
open=${w=>o({kind:"details",tab:w})} />`)}
<${Qe} data=${a} isBusy=${_} />
</div>`}
${a&&n`<${Ye} data=${a} took=${u.took} />`}
</main>
<${Je} opened=${i} state=${t} go=${s} pages=${e} choose=${S} close=${()=>o(null)}
reloadNotes=${k} say=${x} />
<${Ge} said=${y} close=${()=>x(null)} />`}function Fe(e,t){let[s,i]=b(!1);return E(()=>{if(!t)return;let o=!0,l=()=>{o&&(K.dataset.drawn=e,i(!0))};return requestAnimationFrame(()=>setTimeout(()=>Me.then(l))),()=>{o=!1,delete K.dataset.drawn}},[t]),s}function ze(e,t,s){E(()=>{if(t)return addEventListener("online",s),()=>removeEventListener("online",s)},[t]),E(()=>{if(!e||Date.parse(e.meta.to)<Date.now())return;let i=setTimeout(()=>!document.hidden&&s(),xe),o=()=>!document.hidden&&Date.now()-Date.parse(e.meta.computed_at)>xe&&s();return document.addEventListener("visibilitychange",o),()=>{clearTimeout(i),document.removeEventListener("visibilitychange",o)}},[e])}function je(e){let t=Z(e);t.current=e,E(()=>{Me.then(s=>s?.listen(i=>Ue(i,t.current)))},[])}function Ue(e,{state:t,go:s,pages:i,open:o}){let l=D.find(a=>a.key.toLowerCase()===e);if(l)return()=>s({period:l.name,unit:""});let c=i.find(a=>"g "+a.key.toLowerCase()===e);if(c)return()=>location.assign(ie(c));let u={c:()=>s({compare:t.compare==="none"?"previous":"none"}),"/":()=>o({kind:"filter",index:null}),"?":()=>o({kind:"help"}),...M("write")&&{n:()=>o({kind:"notes",day:z(t)[1],notes:[]})},...!C&&{"g s":()=>location.assign("/")}};return e==="escape"&&t.filter?()=>s({filter:""}):u[e]}function Be({state:e,go:t,isDrawn:s,openDrawer:i,open:o}){let l=v(s,()=>Promise.resolve(be));return n`<div class="head">
<${le} open=${i} />
<h1 class="vh">${K.dataset.name}: ${r("overview")}</h1>
<${ae} />
${l?n`<${l.LiveCount} />`:n`<span class="live"><span class="pulse off"></span>${r("live")}</span>`}
<div class="head-tools">
<${me} state=${e} go=${t} add=${()=>o({kind:"filter",index:null})}
save=${()=>o({kind:"segment"})} />
<${ye} state=${e} go=${t} />
<${ke} state=${e} go=${t} />
${M("admin")&&n`<button class="btn" title=${r("shareSite")} onClick=${()=>o({kind:"share"})}>
<${L} name="share" /><span class="short">${r("shareSite")}</span></button>`}
</div>
</div>`}function qe({error:e,data:t,retry:s,go:i}){if(!e)return null;let{days:o}=e,l=()=>i({period:"custom",from:F(N(),1-Number(o)),to:N(),unit:""});return n`<div class="card alert" role="alert">
<div><b>${r(e.status?"problem":"offline")}</b><div>${e.message}</div>
${t&&n`<div class="num">${r("shownAsOf",{period:T(t.meta.from,t.meta.to),time:B(t.meta.computed_at)})}</div>`}</div>
${o&&n`<button class="btn" onClick=${l}>${r("lastDays",{n:o},o)}</button>`}
<button class="btn" onClick=${s}>${r("tryAgain")}</button>
</div>`}function Ie({data:e,state:t,go:s,notes:i,hasEvents:o,open:l}){let c=t.metric,u=v(i.length>0,()=>import("../chunks/notes-AGEZMZX4.js")),a=v(t.view==="table",()=>import("../chunks/points-T25TJLLB.js"));if(!e)return n`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`;let h=r(c),p=e.granularity,m=r(p+"Unit"),d=r("chartLabel",{measure:h,unit:m,value:P[c].long(e[c])}),k=Date.parse(e.meta.computed_at),y={points:e.series,before:e.previous?.series,metric:c,unit:p,label:d,now:k},x=(g,f)=>{let w=p==="hour"?f.date:F(f.to.slice(0,10),-1);(g.date!==w||e.series[0].date!==w)&&s({period:"custom",from:g.date,to:w,unit:""})},S=M("write")?g=>l({kind:"notes",day:g,notes:[]}):void 0,_=g=>l({kind:"notes",day:g[0].day,notes:g});return n`<div class="plot">
<div class="plot-head">
<span class="legend"><span class="key"></span>${h}, ${T(e.meta.from,e.meta.to)}</span>
${e.previous&&n`<span class="legend"><span class="key before"></span>
${T(e.previous.from,e.previous.to)}</span>`}
<span class="grow"></span>
<span class="tools"><${we} state=${t} go=${s} /><${Ee} state=${t} go=${s} />
${S&&n`<button class="iconbtn" aria-label=${r("addNote")} title=${r("addNote")+" (N)"}
onClick=${()=>S(z(t)[1])}><${L} name="note" /></button>`}
${!C&&n`<a class="iconbtn" href=${Ve(t)} download title=${r("csv")} aria-label=${r("csv")}>
<${L} name="download" /></a>`}</span>
</div>
${W(e)?n`<${Ze} state=${t} go=${s} hasEvents=${o} />`:t.view==="table"&&a?n`<${a.PointTable} ...${y} />`:n`<${Se} ...${y} notes=${i} zoom=${x} annotate=${S}
Marks=${u?.NoteMarks} openNotes=${_} />`}
</div>`}function Ve(e){let t=j(e);return t.set("granularity",J(e)),ve("reports/timeseries?"+t+"&format=csv")}function Ke(e,t){let[s,i]=b(0),[o,l]=b([]),c=j(e,"").toString();return E(()=>{if(!t||C)return;let u=new AbortController;return q("notes?"+c,u.signal).then(a=>l(a.notes),()=>{}),()=>u.abort()},[t,c,s]),[o,O(()=>i(u=>u+1),[])]}var W=e=>!e.page_views&&!e.events;function We(e){let[t,s]=b(!0);return E(()=>{if(!e||C)return s(!0);let i=o=>s(o.sites.find(l=>l.key===R)?.first_event_at!==null);q("me").then(i,()=>{})},[e]),t}function Ze({state:e,go:t,hasEvents:s}){if(!s)return n`<${H} title=${r("emptySite")}>${r("emptySiteText")}<div>
<a class="btn" href=${`/sites/${encodeURIComponent(R)}/start`}>${r("install")}</a></div><//>`;if(e.filter)return n`<${H} title=${r("emptyFiltered")}><button class="btn"
onClick=${()=>t({filter:""})}>${r("clearFilters")}</button><//>`;let i=D.find(o=>Number(o.query(N()).days)>G(e)[1])??D[D.length-1];return n`<${H} title=${r("emptyTitle")}>${r("emptyText")}<div><button class="btn"
onClick=${()=>t({period:i.name,unit:""})}>${r(i.name)}</button></div><//>`}function Qe({data:e,isBusy:t}){let s=v(e!==null,()=>Promise.resolve(V));return n`<section class=${"card panel"+(t?" busy":"")} aria-label=${r("busiestHours")}>
<div class="tabs"><h2 class="tab on">${r("busiestHours")}</h2></div>
${s&&e?n`<${s.Heat} cells=${e.busiest_hours.page_views} zone=${Q} />`:n`<div
class="skeleton map-sk"></div><div class="panel-foot"></div>`}
</section>`}function Ye({data:e,took:t}){let{meta:s}=e;return n`<footer class="fresh">
${s.complete_through&&n`<span class="num">${r("completeThrough",{time:B(s.complete_through)})}</span>`}
<span>${r("zone",{zone:s.zone})}</span>
<span>${r(s.source==="raw"?"raw":"rollup")}</span>
<span class="num">${r("took",{time:t<1e3?`${Math.round(t)} ms`:te(t/1e3)})}</span>
<span>${r("distinct")}</span>
</footer>`}function Ge({said:e,close:t}){let s=v(e!==null,()=>import("../chunks/toast-55ALNJ6S.js"));return n`<div class="toasts" role="status">${e&&s&&n`<${s.Toast} said=${e} close=${t} />`}
</div>`}function Je({opened:e,state:t,go:s,pages:i,choose:o,close:l,reloadNotes:c,say:u}){let a=e?.kind,h=v(a==="details",()=>import("../chunks/details-KUW6LVC5.js")),p=v(a==="filter"||a==="segment",()=>import("../chunks/filter_dialog-IW44GYJB.js")),m=v(a==="help",()=>import("../chunks/help-CAPOI5ST.js")),d=v(a==="share",()=>import("../chunks/share_dialog-UWP242EW.js")),k=v(a==="notes",()=>import("../chunks/notes-4HZKYRS2.js"));return e?.kind==="share"&&d?n`<${d.default} close=${l} />`:e?.kind==="details"&&h?n`<${h.default} tab=${e.tab} state=${t}
choose=${o} close=${l} />`:e?.kind==="filter"&&p?n`<${p.default} state=${t} go=${s} index=${e.index}
close=${l} />`:e?.kind==="segment"&&p?n`<${p.SegmentDialog} state=${t} go=${s} close=${l} />`:e?.kind==="notes"&&k?n`<${k.default} ...${e} reload=${c} say=${u}
close=${l} />`:e?.kind==="help"&&m?n`<${m.default} pages=${i} hasPeriods=${!0}
hasFilters=${!0} close=${l} />`:null}export{Re as default};
