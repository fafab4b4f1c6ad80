import{a as B,b as ee,c as te,d as se,e as L,f as ae,g as le,i as O,j as re,l as oe,m as ne,n as q}from"../chunks/chunk-LNK66UDD.js";import{a as X}from"../chunks/chunk-ENILK5YD.js";import{a as Q}from"../chunks/chunk-3UG4L5LN.js";import{a as j}from"../chunks/chunk-GYWASUDN.js";import{Da as G,E as g,Ea as s,Fa as Z,H,Ja as K,Ka as N,La as E,N as V,Pa as F,X as w,b as m,c as W,ca as _,d as A,ea as f,g as a,h as k,i as z,n as y,p as I,q as J,s as D,wa as Y,xa as M,ya as T}from"../chunks/chunk-NUTBCF7K.js";var C=e=>e.state==="queued"||e.state==="running";function ce({jobs:e,busy:t,cancel:l,remove:i,again:r,more:o}){return a`<section class="card panel" aria-label=${s("filesTitle")}>
<div class="tabs"><h2 class="tab on">${s("filesTitle")}</h2></div>
${e?e.length?a`<ul class="jobs">
${e.map(n=>a`<li key=${n.id}><${me} job=${n} isBusy=${t.has(n.id)} cancel=${l}
remove=${i} again=${r} /></li>`)}</ul>`:a`<${_}
title=${s("filesEmpty")}>${s("filesEmptyText")}<//>`:a`<div class="skeleton map-sk"></div>`}
${o&&a`<div class="panel-foot"><button class="more" onClick=${o}>${s("showMore")}</button></div>`}
</section>`}function me({job:e,isBusy:t,cancel:l,remove:i,again:r}){return a`<div class="job">
<div class="job-main">
<div class="job-name"><b>${e.file_name}</b><span
class=${"state "+e.state}>${s("state_"+e.state)}</span></div>
<div class="job-facts"><span>${q(e.request).join(" · ")}</span>
<span>${s(e.schedule_id?"orderedBySchedule":"orderedAt",{time:w(e.created_at)})}</span></div>
<${fe} job=${e} />
<${he} job=${e} />
</div>
<div class="job-tools">
${e.state==="done"&&a`<a class="btn" href=${K(`exports/${e.id}/download`)}
download=${e.file_name}><${f} name="download" />${s("download")}</a>`}
${C(e)&&a`<button class="btn" disabled=${t} onClick=${()=>l(e)}>${s("cancelJob")}
</button>`}
${["failed","cancelled","expired"].includes(e.state)&&a`<button class="btn" disabled=${t}
onClick=${()=>r(e)}><${f} name="repeat" />${s("orderAgain")}</button>`}
${!C(e)&&a`<button class="iconbtn" disabled=${t}
aria-label=${s("deleteFile",{name:e.file_name})} title=${s("deleteWord")} onClick=${()=>i(e)}>
<${f} name="trash" /></button>`}
</div>
</div>`}function fe({job:e}){let{progress:t}=e;if(C(e)){let l=t.rows_estimate===null?g(t.rows_done):s("rowsOf",{n:g(t.rows_done),all:g(t.rows_estimate)});return a`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
aria-valuenow=${t.percent} aria-label=${e.file_name}><span style=${{"--w":t.percent+"%"}}>
</span></div>
<div class="job-facts num">
<span>${H(t.percent/100)}</span>
${e.state==="running"&&a`<span>${s("rowsCount",{n:l},t.rows_done)}</span>`}
${t.eta_s!==null&&a`<span>${s("etaLeft",{time:V(t.eta_s)})}
</span>`}${e.attempt>1&&a`<span>${s("attemptCount",{n:e.attempt})}</span>`}</div>
${e.error&&a`<div class="job-error">${e.error}</div>`}`}return e.state==="failed"?a`<div class="job-error">${e.error??s("failedText")}</div>`:e.state!=="done"?a`<div
class="job-facts">${s(e.state==="expired"?"expiredText":"cancelledText")}</div>`:a`<div class="job-facts num"><span>${s("rowsCount",{n:g(e.rows)},e.rows??0)}</span><span
title=${g(e.bytes)}>${j(e.bytes)}</span>
${e.expires_at&&a`<span>${s("keptUntil",{time:w(e.expires_at)})}</span>`}
${e.sha256&&a`<span class="sum"><abbr title=${e.sha256}>SHA-256 ${e.sha256.slice(0,10)}…</abbr>
<${Q} kind="iconbtn tiny" text=${e.sha256} label=${"SHA-256 "+e.file_name} /></span>`}</div>`}function he({job:e}){let{callback:t}=e;if(!t)return null;let l=t.last_status!==null?s("callbackStatus",{status:t.last_status}):t.last_error?s("callbackError",{error:ve(t.last_error)}):"",i=t.state==="delivered"?t.delivered_at:t.next_attempt_at,r=t.state==="failed"||t.state==="retrying";return a`<div class=${"job-facts"+(r?" job-error":"")}>
<span>${s("callbackTo",{url:e.callback_url??""})}</span>
<span>${s("callback_"+t.state,{time:i?w(i):"",n:t.attempts})}
</span>${r&&l&&a`<span>${l}</span>`}</div>`}var ie={gaierror:"errorHost",TimeoutError:"errorTimeout",SSLError:"errorTls",SSLCertVerificationError:"errorTls"},ve=e=>ie[e]?s(ie[e]):e;var U="order-form";function de({ordered:e}){let[t,l]=m(le),[i,r]=m(null),[o,n]=m(!1),[d,S]=m(!1),x=F(t.what==="users",()=>import("../chunks/group_fields-4YDJGNTT.js")),p=F(d,()=>import("../chunks/preview-AIDSKFFU.js")),$=u=>l(v=>({...v,...u})),c=async u=>{u.preventDefault(),n(!0),r(null);try{let v=re(t);t.every?await E("POST","exports/schedules?site="+encodeURIComponent(k),{every:t.every,at:t.at,request:v}):await E("POST","exports",v),e(!!t.every)}catch(v){r(T(v))}n(!1)},b=(t.what==="events"&&y("read")||t.what==="users")&&(t.what==="users"||!t.where);return a`<section class="card pad order" aria-label=${s("orderTitle")}><h2 class="card-title">${s("orderTitle")}
</h2>
<form id=${U} onSubmit=${c}>
<div class="fields"><${be} order=${t} set=${$} /><${ye} order=${t} set=${$} /></div>
${t.what==="users"&&x&&a`<${x.GroupFields} order=${t} set=${$} Choice=${h} />`}
<div class="fields"><${we} order=${t} set=${$} /></div>
<${xe} order=${t} set=${$} />
</form>
${O(t).hasWhere&&a`<${X} state=${ne(t)}
change=${u=>$({where:u})} />`}
${B[t.what]&&a`<${ge} order=${t} set=${$} />`}
<details class="more-fields"><summary>${s("callbackTitle")}</summary><p class="muted">${s("callbackText")}</p>
<label class="field">${s("callbackUrl")}<input form=${U} type="url" value=${t.callback}
placeholder="https://example.com/exported"
onInput=${u=>$({callback:u.target.value.trim()})} /></label></details>
<${M} error=${i} />
<div class="order-foot">
${b&&a`<button class="btn" aria-pressed=${d} onClick=${()=>S(!d)}>
<${f} name="table" />${s(d?"previewHide":"preview")}</button>`}
${t.where&&!b&&a`<span class="muted">${s("previewFiltered")}</span>`}
<span class="push"></span><button form=${U} class="btn primary"
disabled=${o}>${s(t.every?"orderSchedule":"orderFile")}</button></div>
${d&&b&&(p?a`<${p.Preview} order=${t} />`:a`<div
class="skeleton preview-sk"></div>`)}
</section>`}var h=({label:e,value:t,options:l,choose:i,isOff:r})=>a`<label class="field">${e}<select value=${t}
disabled=${r} onChange=${o=>i(o.target.value)}>
${l.map(([o,n])=>a`<option key=${o} value=${o}>${n}</option>`)}</select></label>`,R=(e,t)=>t.map(l=>[l,s(e+l)]);function be({order:e,set:t}){let{units:l}=O(e),i=r=>t({report:r,unit:L[r].units.includes(e.unit)?e.unit:L[r].units[0]??"day"});return a`<${h} label=${s("whatField")} value=${e.what}
options=${R("what_",["events","report","samples","users"])}
choose=${r=>t({what:r,columns:[],bots:r==="events",types:"",names:"",where:"",group:"all",users:{},...r==="users"&&e.period==="all"&&{period:"28d"}})} />
${e.what==="report"&&a`<${h} label=${s("reportField")} value=${e.report}
options=${R("report_",Object.keys(L))} choose=${i} />`}
${e.what==="report"&&e.report==="breakdown"&&a`<${h} label=${s("dimensionField")}
value=${e.dimension} options=${ae.map(r=>[r,Z(r)])} choose=${r=>t({dimension:r})} />`}
${l.length>0&&a`<${h} label=${s("unitField")} value=${e.unit} options=${R("unit_",l)}
choose=${r=>t({unit:r})} />`}`}function ye({order:e,set:t}){let l=te.includes(e.format);return a`<${h} label=${s("formatField")} value=${e.format} options=${R("format_",ee)}
choose=${i=>t({format:i})} />
<${h} label=${s("compressionField")} value=${l?e.compression:"none"} isOff=${!l}
options=${[["none",s("compression_none")],["gzip","gzip"],["zstd","zstd"]]} choose=${i=>t({compression:i})} />`}function we({order:e,set:t}){let l=n=>n.target.value,i=n=>t(n&&e.group==="cohort"?{every:n,group:"all",users:{}}:{every:n}),r=e.what==="users"?[]:[["all",s("periodAll")]],o=n=>t(n==="custom"?{period:n,from:e.from||J(I(),-27),to:e.to||I()}:{period:n});return a`
${y("write")&&a`<${h} label=${s("everyField")} value=${e.every}
options=${[["",s("everyOnce")],...R("every_",se)]} choose=${i} />`}
${e.every?a`<label class="field">${s("atField",{zone:z})}<input type="time" required
value=${e.at} onInput=${n=>t({at:l(n)})} /></label>
<p class="muted wide">${s(e.what==="users"?"everyUsersText":"everyText")}</p>`:O(e).hasPeriod&&a`<${h} label=${s("period")} value=${e.period}
options=${[...r,...D.map(n=>[n.name,s(n.name)]),["custom",s("periodCustom")]]} choose=${o} />
${e.period==="custom"&&a`<label class="field">${s("from")}<input type="date" required
max=${e.to||I()} value=${e.from}
onInput=${n=>t({from:l(n)})} /></label>
<label class="field">${s("to")}<input type="date" required min=${e.from} value=${e.to}
onInput=${n=>t({to:l(n)})} /></label>`}`}`}function xe({order:e,set:t}){let{hasTypes:l,hasBots:i}=O(e),r=o=>o.target.value;return!l&&!i&&e.what!=="samples"?null:a`<div class="fields">
${l&&a`<label class="field">${s("typesField")}<input value=${e.types}
placeholder="page_view, signup" onInput=${o=>t({types:r(o)})} />
</label>`}
${e.what==="samples"&&a`<label class="field">${s("namesField")}<input value=${e.names}
placeholder="web_vital.lcp, load" onInput=${o=>t({names:r(o)})} />
</label>`}
${i&&a`<label class="check"><input type="checkbox" checked=${e.bots}
onChange=${o=>t({bots:o.target.checked})} />${s("botsField")}</label>`}
</div>`}function ge({order:e,set:t}){let l=B[e.what],i=e.columns.length?e.columns:l,r=o=>{let n=i.includes(o)?i.filter(d=>d!==o):l.filter(d=>d===o||i.includes(d));n.length&&t({columns:n.length===l.length?[]:n})};return a`<details class="more-fields">
<summary>${s("columnsTitle",{n:e.columns.length||l.length,all:l.length})}</summary>
<div class="checks" role="group" aria-label=${s("columnsName")}>${l.map(o=>a`<label class="check"
key=${o}><input type="checkbox" checked=${i.includes(o)} onChange=${()=>r(o)} />${o}
</label>`)}</div>
${e.columns.length>0&&a`<button class="text-btn" onClick=${()=>t({columns:[]})}>${s("columnsAll")}
</button>`}</details>`}function $e({schedules:e,busy:t,pause:l,run:i,remove:r}){return a`<section class="card panel" aria-label=${s("schedulesTitle")}>
<div class="tabs"><h2 class="tab on">${s("schedulesTitle")}</h2></div>
${e?e.length?a`<ul class="jobs">
${e.map(o=>a`<li key=${o.id}><${_e} one=${o} isBusy=${t.has(o.id)}
pause=${l} run=${i} remove=${r} /></li>`)}</ul>`:a`<${_}
title=${s("schedulesEmpty")}>${s("schedulesEmptyText")}<//>`:a`<div class="skeleton preview-sk"></div>`}
</section>`}function _e({one:e,isBusy:t,pause:l,run:i,remove:r}){let o=s("scheduleName",{every:s("every_"+e.every),at:e.at,zone:e.zone});return a`<div class="job">
<div class="job-main">
<div class="job-name"><b>${o}</b><span
class=${"state "+(e.enabled?"running":"cancelled")}>${s(e.enabled?"scheduleOn":"schedulePaused")}
</span></div>
<div class="job-facts"><span>${q(e.request).join(" · ")}</span></div>
<div class="job-facts">${e.enabled&&a`<span>${s("nextRun",{time:w(e.next_run_at)})}</span>`}
<span>${e.complete_through?s("filesThrough",{time:w(e.complete_through)}):s("filesNone")}</span>
${e.request.callback_url&&a`<span>${s("callbackTo",{url:e.request.callback_url})}</span>`}</div>
${e.waits_for&&a`<div class="job-error">${s("waitsFor",{reason:e.waits_for})}</div>`}
</div>
${y("write")&&a`<div class="job-tools">
<button class="btn" disabled=${t} onClick=${()=>i(e)}>${s("runNow")}</button>
<button class="iconbtn" disabled=${t} aria-label=${`${s(e.enabled?"pause":"resume")}: ${o}`}
title=${s(e.enabled?"pause":"resume")} onClick=${()=>l(e)}><${f}
name=${e.enabled?"pause":"play"} /></button>
<button class="iconbtn" disabled=${t} aria-label=${s("deleteFile",{name:o})} title=${s("deleteWord")}
onClick=${()=>r(e)}><${f} name="trash" /></button></div>`}
</div>`}await G(()=>import("../chunks/words_exports-DHJGPQD7.js"),()=>import("../chunks/words_exports_de-SE7MHTNY.js"));var ue=20,pe=200,Se=1500,ke=2e4;function Te({pages:e}){let t=y("export"),l=Ee(t),[i,r]=m(null),[o,n]=m(""),d=F(i!==null,()=>import("../chunks/confirm-E5KAUIFW.js")),S=c=>r({text:s("deleteFileText",{name:c.file_name}),run:()=>l.act(c.id,"DELETE",`exports/${c.id}`)}),x=c=>r({text:s("deleteScheduleText"),run:()=>l.act(c.id,"DELETE",`exports/schedules/${c.id}`)}),p=c=>{n(s(c?"scheduledSaid":"orderedSaid")),l.load()},$=!t||l.jobs!==null&&l.schedules!==null||l.error!==null;return a`<${Y} pages=${e} name="exports" title=${s("exports")} intro=${s("exportsIntro")}
isReady=${$}>
${t?a`
<${de} ordered=${p} />
<div class="said" role="status">${o}</div>
<${M} error=${l.error} retry=${l.load} />
<${ce} jobs=${l.jobs} busy=${l.busy} more=${l.more} remove=${S}
cancel=${c=>l.act(c.id,"DELETE",`exports/${c.id}`)}
again=${c=>l.act(c.id,"POST","exports",oe(c.request,c.callback_url))} />
<${$e} schedules=${l.schedules} busy=${l.busy} remove=${x}
pause=${c=>l.act(c.id,"PATCH",`exports/schedules/${c.id}`,{enabled:!c.enabled})}
run=${c=>l.act(c.id,"POST",`exports/schedules/${c.id}/run-now`)} />`:a`<div class="card"><${_} title=${s("noExport")}>${s("noExportText")}<//></div>`}
${i&&d&&a`<${d.Confirm} title=${s("deleteWord")} text=${i.text} yes=${s("deleteWord")}
confirm=${()=>{i.run(),r(null)}} close=${()=>r(null)} />`}
<//>`}function Ee(e){let[t,l]=m({jobs:null,schedules:null,hasMore:!1,error:null}),[i,r]=m(()=>new Set),o=A(0),n=A(ue),d=async()=>{if(clearTimeout(o.current),document.hidden)return;let p=ke;try{let[$,c]=await Promise.all([N(`exports?site=${encodeURIComponent(k)}&limit=${n.current}`),N("exports/schedules")]);$.exports.some(C)&&(p=Se),l({jobs:$.exports,schedules:c.schedules.filter(P=>P.site===k),hasMore:$.next_cursor!==null,error:null})}catch($){l(c=>({...c,error:T($)}))}clearTimeout(o.current),o.current=setTimeout(d,p)};W(()=>{if(e)return d(),document.addEventListener("visibilitychange",d),()=>{clearTimeout(o.current),document.removeEventListener("visibilitychange",d)}},[]);let S=async(p,$,c,P)=>{r(u=>new Set([...u,p]));let b=null;try{await E($,c,P)}catch(u){b=T(u)}await d(),b&&l(u=>({...u,error:b})),r(u=>new Set([...u].filter(v=>v!==p)))},x=t.hasMore&&n.current<pe?()=>{n.current=Math.min(pe,n.current+ue*2),d()}:void 0;return{...t,busy:i,load:d,act:S,more:x}}export{Te as default};
