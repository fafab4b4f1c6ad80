import{a as U,b as te,c as se,d as ae,e as q,f as le,g as re,i as C,j as oe,l as ne,m as ie,n as A}from"../chunks/chunk-2S7VQW7H.js";import{a as j}from"../chunks/chunk-ANQIWG7U.js";import{a as X}from"../chunks/chunk-3FAOWEPM.js";import{a as ee}from"../chunks/chunk-QUZB54TF.js";import{Da as Z,E as g,Ea as t,Fa as K,H as V,Ja as Q,Ka as B,La as F,N as Y,Pa as O,X as w,b as m,c as z,ca as _,d as N,ea as v,g as l,h as T,i as J,n as y,p as M,q as D,s as H,wa as G,xa as L,ya as E}from"../chunks/chunk-DVZ2JOGS.js";var R=e=>e.state==="queued"||e.state==="running";function de({jobs:e,busy:a,cancel:s,remove:i,again:r,more:o}){return l`<section class="card panel" aria-label=${t("filesTitle")}>
<div class="tabs"><h2 class="tab on">${t("filesTitle")}</h2></div>
${e?e.length?l`<ul class="jobs">
${e.map(n=>l`<li key=${n.id}><${fe} job=${n} isBusy=${a.has(n.id)} cancel=${s}
remove=${i} again=${r} /></li>`)}</ul>`:l`<${_}
title=${t("filesEmpty")}>${t("filesEmptyText")}<//>`:l`<div class="skeleton map-sk"></div>`}
${o&&l`<div class="panel-foot"><button class="more" onClick=${o}>${t("showMore")}</button></div>`}
</section>`}function fe({job:e,isBusy:a,cancel:s,remove:i,again:r}){return l`<div class="job">
<div class="job-main">
<div class="job-name"><b>${e.file_name}</b><span
class=${"state "+e.state}>${t("state_"+e.state)}</span></div>
<div class="job-facts"><span>${A(e.request).join(" · ")}</span>
<span>${t(e.schedule_id?"orderedBySchedule":"orderedAt",{time:w(e.created_at)})}</span></div>
<${he} job=${e} />
<${ve} job=${e} />
</div>
<div class="job-tools">
${e.state==="done"&&l`<a class="btn" href=${Q(`exports/${e.id}/download`)}
download=${e.file_name}><${v} name="download" />${t("download")}</a>`}
${R(e)&&l`<button class="btn" disabled=${a} onClick=${()=>s(e)}>${t("cancelJob")}
</button>`}
${["failed","cancelled","expired"].includes(e.state)&&l`<button class="btn" disabled=${a}
onClick=${()=>r(e)}><${v} name="repeat" />${t("orderAgain")}</button>`}
${!R(e)&&l`<button class="iconbtn" disabled=${a}
aria-label=${t("deleteFile",{name:e.file_name})} title=${t("deleteWord")} onClick=${()=>i(e)}>
<${v} name="trash" /></button>`}
</div>
</div>`}function he({job:e}){let{progress:a}=e;if(R(e)){let s=a.rows_estimate===null?g(a.rows_done):t("rowsOf",{n:g(a.rows_done),all:g(a.rows_estimate)});return l`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
aria-valuenow=${a.percent} aria-label=${e.file_name}><span style=${{"--w":a.percent+"%"}}>
</span></div>
<div class="job-facts num">
<span>${V(a.percent/100)}</span>
${e.state==="running"&&l`<span>${t("rowsCount",{n:s},a.rows_done)}</span>`}
${a.eta_s!==null&&l`<span>${t("etaLeft",{time:Y(a.eta_s)})}
</span>`}${e.attempt>1&&l`<span>${t("attemptCount",{n:e.attempt})}</span>`}</div>
${e.error&&l`<div class="job-error">${e.error}</div>`}`}return e.state==="failed"?l`<div class="job-error">${e.error??t("failedText")}</div>`:e.state!=="done"?l`<div
class="job-facts">${t(e.state==="expired"?"expiredText":"cancelledText")}</div>`:l`<div class="job-facts num"><span>${t("rowsCount",{n:g(e.rows)},e.rows??0)}</span><span
title=${g(e.bytes)}>${ee(e.bytes)}</span>
${e.expires_at&&l`<span>${t("keptUntil",{time:w(e.expires_at)})}</span>`}
${e.sha256&&l`<span class="sum"><abbr title=${e.sha256}>SHA-256 ${e.sha256.slice(0,10)}…</abbr>
<${X} kind="iconbtn tiny" text=${e.sha256} label=${"SHA-256 "+e.file_name} /></span>`}</div>`}function ve({job:e}){let{callback:a}=e;if(!a)return null;let s=a.last_status!==null?t("callbackStatus",{status:a.last_status}):a.last_error?t("callbackError",{error:be(a.last_error)}):"",i=a.state==="delivered"?a.delivered_at:a.next_attempt_at,r=a.state==="failed"||a.state==="retrying";return l`<div class=${"job-facts"+(r?" job-error":"")}>
<span>${t("callbackTo",{url:e.callback_url??""})}</span>
<span>${t("callback_"+a.state,{time:i?w(i):"",n:a.attempts})}
</span>${r&&s&&l`<span>${s}</span>`}</div>`}var ce={gaierror:"errorHost",TimeoutError:"errorTimeout",SSLError:"errorTls",SSLCertVerificationError:"errorTls"},be=e=>ce[e]?t(ce[e]):e;var W="order-form";function $e({ordered:e,changed:a}){let[s,i]=m(re),[r,o]=m(null),[n,d]=m(!1),[f,S]=m(!1),p=O(s.what==="users",()=>import("../chunks/group_fields-RB4S4OOQ.js")),$=O(f,()=>import("../chunks/preview-S6OVSOUP.js")),c=h=>{i(x=>({...x,...h})),a()},k=async h=>{h.preventDefault(),d(!0),o(null);try{let x=oe(s);s.every?await F("POST","exports/schedules?site="+encodeURIComponent(T),{every:s.every,at:s.at,request:x}):await F("POST","exports",x),e(!!s.every)}catch(x){o(E(x))}d(!1)},u=(s.what==="events"&&y("read")||s.what==="users")&&(s.what==="users"||!s.where);return l`<section class="card pad order" aria-label=${t("orderTitle")}><h2 class="card-title">${t("orderTitle")}
</h2>
<form id=${W} onSubmit=${k}>
<div class="fields"><${ye} order=${s} set=${c} /><${we} order=${s} set=${c} /></div>
${s.what==="users"&&p&&l`<${p.GroupFields} order=${s} set=${c} Choice=${b} />`}
<div class="fields"><${xe} order=${s} set=${c} /></div>
<${ge} order=${s} set=${c} />
</form>
${C(s).hasWhere&&l`<${j} state=${ie(s)}
change=${h=>c({where:h})} />`}
${U[s.what]&&l`<${_e} order=${s} set=${c} />`}
<details class="more-fields"><summary>${t("callbackTitle")}</summary><p class="muted">${t("callbackText")}</p>
<label class="field">${t("callbackUrl")}<input form=${W} type="url" value=${s.callback}
placeholder="https://example.com/exported"
onInput=${h=>c({callback:h.target.value.trim()})} /></label></details>
<${L} error=${r} />
<div class="order-foot">
${u&&l`<button class="btn" aria-pressed=${f} onClick=${()=>S(!f)}>
<${v} name="table" />${t(f?"previewHide":"preview")}</button>`}
${s.where&&!u&&l`<span class="muted">${t("previewFiltered")}</span>`}
<span class="push"></span><button form=${W} class="btn primary"
disabled=${n}>${t(s.every?"orderSchedule":"orderFile")}</button></div>
${f&&u&&($?l`<${$.Preview} order=${s} />`:l`<div
class="skeleton preview-sk"></div>`)}
</section>`}var b=({label:e,value:a,options:s,choose:i,isOff:r})=>l`<label class="field">${e}<select value=${a}
disabled=${r} onChange=${o=>i(o.target.value)}>
${s.map(([o,n])=>l`<option key=${o} value=${o}>${n}</option>`)}</select></label>`,P=(e,a)=>a.map(s=>[s,t(e+s)]);function ye({order:e,set:a}){let{units:s}=C(e),i=r=>a({report:r,unit:q[r].units.includes(e.unit)?e.unit:q[r].units[0]??"day"});return l`<${b} label=${t("whatField")} value=${e.what}
options=${P("what_",["events","report","samples","users"])}
choose=${r=>a({what:r,columns:[],bots:r==="events",types:"",names:"",where:"",group:"all",users:{},...r==="users"&&e.period==="all"&&{period:"28d"}})} />
${e.what==="report"&&l`<${b} label=${t("reportField")} value=${e.report}
options=${P("report_",Object.keys(q))} choose=${i} />`}
${e.what==="report"&&e.report==="breakdown"&&l`<${b} label=${t("dimensionField")}
value=${e.dimension} options=${le.map(r=>[r,K(r)])} choose=${r=>a({dimension:r})} />`}
${s.length>0&&l`<${b} label=${t("unitField")} value=${e.unit} options=${P("unit_",s)}
choose=${r=>a({unit:r})} />`}`}function we({order:e,set:a}){let s=se.includes(e.format);return l`<${b} label=${t("formatField")} value=${e.format} options=${P("format_",te)}
choose=${i=>a({format:i})} />
<${b} label=${t("compressionField")} value=${s?e.compression:"none"} isOff=${!s}
options=${[["none",t("compression_none")],["gzip","gzip"],["zstd","zstd"]]} choose=${i=>a({compression:i})} />`}function xe({order:e,set:a}){let s=n=>n.target.value,i=n=>a(n&&e.group==="cohort"?{every:n,group:"all",users:{}}:{every:n}),r=e.what==="users"?[]:[["all",t("periodAll")]],o=n=>a(n==="custom"?{period:n,from:e.from||D(M(),-27),to:e.to||M()}:{period:n});return l`
${y("write")&&l`<${b} label=${t("everyField")} value=${e.every}
options=${[["",t("everyOnce")],...P("every_",ae)]} choose=${i} />`}
${e.every?l`<label class="field">${t("atField",{zone:J})}<input type="time" required
value=${e.at} onInput=${n=>a({at:s(n)})} /></label>
<p class="muted wide">${t(e.what==="users"?"everyUsersText":"everyText")}</p>`:C(e).hasPeriod&&l`<${b} label=${t("period")} value=${e.period}
options=${[...r,...H.map(n=>[n.name,t(n.name)]),["custom",t("periodCustom")]]} choose=${o} />
${e.period==="custom"&&l`<label class="field">${t("from")}<input type="date" required
max=${e.to||M()} value=${e.from}
onInput=${n=>a({from:s(n)})} /></label>
<label class="field">${t("to")}<input type="date" required min=${e.from} value=${e.to}
onInput=${n=>a({to:s(n)})} /></label>`}`}`}function ge({order:e,set:a}){let{hasTypes:s,hasBots:i}=C(e),r=o=>o.target.value;return!s&&!i&&e.what!=="samples"?null:l`<div class="fields">
${s&&l`<label class="field">${t("typesField")}<input value=${e.types}
placeholder="page_view, signup" onInput=${o=>a({types:r(o)})} />
</label>`}
${e.what==="samples"&&l`<label class="field">${t("namesField")}<input value=${e.names}
placeholder="web_vital.lcp, load" onInput=${o=>a({names:r(o)})} />
</label>`}
${i&&l`<label class="check"><input type="checkbox" checked=${e.bots}
onChange=${o=>a({bots:o.target.checked})} />${t("botsField")}</label>`}
</div>`}function _e({order:e,set:a}){let s=U[e.what],i=e.columns.length?e.columns:s,r=o=>{let n=i.includes(o)?i.filter(d=>d!==o):s.filter(d=>d===o||i.includes(d));n.length&&a({columns:n.length===s.length?[]:n})};return l`<details class="more-fields">
<summary>${t("columnsTitle",{n:e.columns.length||s.length,all:s.length})}</summary>
<div class="checks" role="group" aria-label=${t("columnsName")}>${s.map(o=>l`<label class="check"
key=${o}><input type="checkbox" checked=${i.includes(o)} onChange=${()=>r(o)} />${o}
</label>`)}</div>
${e.columns.length>0&&l`<button class="text-btn" onClick=${()=>a({columns:[]})}>${t("columnsAll")}
</button>`}</details>`}function ue({schedules:e,busy:a,pause:s,run:i,remove:r}){return l`<section class="card panel" aria-label=${t("schedulesTitle")}>
<div class="tabs"><h2 class="tab on">${t("schedulesTitle")}</h2></div>
${e?e.length?l`<ul class="jobs">
${e.map(o=>l`<li key=${o.id}><${Se} one=${o} isBusy=${a.has(o.id)}
pause=${s} run=${i} remove=${r} /></li>`)}</ul>`:l`<${_}
title=${t("schedulesEmpty")}>${t("schedulesEmptyText")}<//>`:l`<div class="skeleton preview-sk"></div>`}
</section>`}function Se({one:e,isBusy:a,pause:s,run:i,remove:r}){let o=t("scheduleName",{every:t("every_"+e.every),at:e.at,zone:e.zone});return l`<div class="job">
<div class="job-main">
<div class="job-name"><b>${o}</b><span
class=${"state "+(e.enabled?"running":"cancelled")}>${t(e.enabled?"scheduleOn":"schedulePaused")}
</span></div>
<div class="job-facts"><span>${A(e.request).join(" · ")}</span></div>
<div class="job-facts">${e.enabled&&l`<span>${t("nextRun",{time:w(e.next_run_at)})}</span>`}
<span>${e.complete_through?t("filesThrough",{time:w(e.complete_through)}):t("filesNone")}</span>
${e.request.callback_url&&l`<span>${t("callbackTo",{url:e.request.callback_url})}</span>`}</div>
${e.waits_for&&l`<div class="job-error">${t("waitsFor",{reason:e.waits_for})}</div>`}
</div>
${y("write")&&l`<div class="job-tools">
<button class="btn" disabled=${a} onClick=${()=>i(e)}>${t("runNow")}</button>
<button class="iconbtn" disabled=${a} aria-label=${`${t(e.enabled?"pause":"resume")}: ${o}`}
title=${t(e.enabled?"pause":"resume")} onClick=${()=>s(e)}><${v}
name=${e.enabled?"pause":"play"} /></button>
<button class="iconbtn" disabled=${a} aria-label=${t("deleteFile",{name:o})} title=${t("deleteWord")}
onClick=${()=>r(e)}><${v} name="trash" /></button></div>`}
</div>`}await Z(()=>import("../chunks/words_exports-6BITH3L7.js"),()=>import("../chunks/words_exports_de-P43DEMYH.js"));var pe=20,me=200,ke=1500,Te=2e4;function Ee({pages:e}){let a=y("export"),s=Fe(a),[i,r]=m(null),[o,n]=m(""),d=O(i!==null,()=>import("../chunks/confirm-GR36NEIZ.js")),f=c=>r({text:t("deleteFileText",{name:c.file_name}),run:()=>s.act(c.id,"DELETE",`exports/${c.id}`)}),S=c=>r({text:t("deleteScheduleText"),run:()=>s.act(c.id,"DELETE",`exports/schedules/${c.id}`)}),p=c=>{n(t(c?"scheduledSaid":"orderedSaid")),s.load()},$=!a||s.jobs!==null&&s.schedules!==null||s.error!==null;return l`<${G} pages=${e} name="exports" title=${t("exports")} intro=${t("exportsIntro")}
isReady=${$}>
${a?l`
<${$e} ordered=${p} changed=${()=>n("")} />
<div class="said" role="status">${o}</div>
<${L} error=${s.error} retry=${s.load} />
<${de} jobs=${s.jobs} busy=${s.busy} more=${s.more} remove=${f}
cancel=${c=>s.act(c.id,"DELETE",`exports/${c.id}`)}
again=${c=>s.act(c.id,"POST","exports",ne(c.request,c.callback_url))} />
<${ue} schedules=${s.schedules} busy=${s.busy} remove=${S}
pause=${c=>s.act(c.id,"PATCH",`exports/schedules/${c.id}`,{enabled:!c.enabled})}
run=${c=>s.act(c.id,"POST",`exports/schedules/${c.id}/run-now`)} />`:l`<div class="card"><${_} title=${t("noExport")}>${t("noExportText")}<//></div>`}
${i&&d&&l`<${d.Confirm} title=${t("deleteWord")} text=${i.text} yes=${t("deleteWord")}
confirm=${()=>{i.run(),r(null)}} close=${()=>r(null)} />`}
<//>`}function Fe(e){let[a,s]=m({jobs:null,schedules:null,hasMore:!1,error:null}),[i,r]=m(()=>new Set),o=N(0),n=N(pe),d=async()=>{if(clearTimeout(o.current),document.hidden)return;let p=Te;try{let[$,c]=await Promise.all([B(`exports?site=${encodeURIComponent(T)}&limit=${n.current}`),B("exports/schedules")]);$.exports.some(R)&&(p=ke),s({jobs:$.exports,schedules:c.schedules.filter(k=>k.site===T),hasMore:$.next_cursor!==null,error:null})}catch($){s(c=>({...c,error:E($)}))}clearTimeout(o.current),o.current=setTimeout(d,p)};z(()=>{if(e)return d(),document.addEventListener("visibilitychange",d),()=>{clearTimeout(o.current),document.removeEventListener("visibilitychange",d)}},[]);let f=async(p,$,c,k)=>{r(u=>new Set([...u,p]));let I=null;try{await F($,c,k)}catch(u){I=E(u)}await d(),I&&s(u=>({...u,error:I})),r(u=>new Set([...u].filter(h=>h!==p)))},S=a.hasMore&&n.current<me?()=>{n.current=Math.min(me,n.current+pe*2),d()}:void 0;return{...a,busy:i,load:d,act:f,more:S}}export{Ee as default};
