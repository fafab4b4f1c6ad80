import{a as W,b as N}from"../chunks/chunk-CQVKA6D7.js";import{a as _}from"../chunks/chunk-QUZB54TF.js";import{b as S}from"../chunks/chunk-LVLWG5QD.js";import{D as b,Da as x,E as i,Ea as e,F as E,H as z,Ja as V,Ka as k,La as J,Ma as K,N as O,Na as Y,X as p,b as c,c as T,ca as M,g as a,h as g,n as I,p as j,q,wa as G,xa as f,ya as y}from"../chunks/chunk-DVZ2JOGS.js";var P=["accepted","stored","duplicate","dead","refused","in_flight"];function Q({last:t}){let[s,o]=c(null),[r,n]=c(null),[d,l]=c(!1),m=$=>{$.preventDefault();let u=new FormData($.target),w=new URLSearchParams({site:g,from:String(u.get("from")),to:String(u.get("to"))});u.get("full")&&w.set("full","true"),l(!0),n(null),k("audit?"+w).then(o,A=>n(y(A))).finally(()=>l(!1))};return a`<section class="card pad" aria-label=${e("auditTitle")}>
<h2 class="card-title">${e("auditTitle")}</h2><p class="muted">${e("auditIntro")}</p>
${t?.gap?a`<p class="job-error" role="status">${e("lastAuditGap",{gap:t.gap})}</p>`:""}
<form class="line-form" onSubmit=${m}>
<label class="field day">${e("fromDay")}<input type="date" name="from" required value=${q(j(),-1)}
max=${j()} /></label>
<label class="field day">${e("toDay")}<input type="date" name="to" required value=${j()} max=${j()} />
</label>
<label class="check"><input type="checkbox" name="full" />${e("fullAudit")}</label>
<button class="btn" disabled=${d}>${e(d?"checking":"checkNow")}</button></form>
<${f} error=${r} />
<div aria-live="polite" class=${d?"busy":""}>${s&&a`<${ot} sheet=${s} />`}</div>
</section>`}function ot({sheet:t}){let s=t.hours.filter(o=>P.some(r=>o[r]));return a`<div class="trace">
<span class=${"state "+(t.balanced?"done":"failed")}>${e(t.balanced?"balanced":"notBalanced")}
</span> <span class="muted">${e("checkedAt",{time:p(t.checked_at)})}</span>
${t.gaps.length>0&&a`<${C} name=${e("gaps")} head=${["place","whatCounted","expected","foundCount"]}
rows=${t.gaps.map(o=>[o.where,o.what,i(o.expected),i(o.found)])} />`}
${s.length>0&&a`<${C} name=${e("byHour")} head=${["hourOf",...P.map(o=>"n_"+o)]}
rows=${s.map(o=>[p(o.hour),...P.map(r=>i(o[r]))])} />`}
${t.days.length>0&&a`<${C} name=${e("byDay")} head=${["calendarDay","rawEvents","rolledUp","waiting"]}
rows=${t.days.map(o=>[o.day,o.raw===null?b:i(o.raw),i(o.rolled_up),i(o.waiting)])} />`}
${t.notes.length>0&&a`<ul class="degraded">${t.notes.map(o=>a`<li key=${o}>${o}</li>`)}
</ul>`}
</div>`}var C=({name:t,head:s,rows:o})=>a`<div class="scroll" tabindex="0" role="group" aria-label=${t}><table class="plain num"><caption>${t}
</caption><thead><tr>${s.map(r=>a`<th key=${r} scope="col">${e(r)}</th>`)}</tr>
</thead><tbody>${o.map((r,n)=>a`<tr key=${n}>${r.map((d,l)=>a`<td key=${l}>
${d}</td>`)}</tr>`)}</tbody></table></div>`;var rt=50,L="dead-letters",X="site="+encodeURIComponent(g),nt=3e3;function Z(){let t=it(),[s,o]=c(null),[r,n]=c(null),d=$=>t.act(k(`${L}/${$.id}`).then(o)),l=$=>t.change("retry",$,"retryRequested"),m=$=>{n(null),t.change("discard",$,"discarded")};return a`<section class="card panel" aria-label=${e("deadLetters")}>
<div class="tabs"><h2 class="tab on">${e("deadLetters")}</h2></div>
<p class="muted said-line">${e("deadIntro")}</p>
<${f} error=${t.error} retry=${t.read} />
<div class="said" role="status">${t.said}</div>
${t.rows?t.rows.length?a`
<ul class="jobs">${t.reasons.map($=>a`<li key=${$.reason}><${dt} reason=${$}
retry=${l} discard=${n} /></li>`)}</ul>
<ul class="jobs letters">${t.rows.map($=>a`<li key=${$.id}><${lt} letter=${$}
show=${d} retry=${l} discard=${n} /></li>`)}</ul>`:a`<${M}
title=${e("noDead")}>${e("noDeadText")}<//>`:a`<div class="skeleton map-sk"></div>`}
${t.next&&a`<div class="panel-foot"><button class="more" onClick=${t.more}>${e("showMore")}</button>
</div>`}
${s&&a`<${ct} letter=${s} close=${()=>o(null)} />`}
${r&&a`<${W} title=${e("discardTitle")} text=${e("discardText")} yes=${e("discardForEver")}
confirm=${()=>m(r)} close=${()=>n(null)} />`}
</section>`}function it(){let[t,s]=c(null),[o,r]=c([]),[n,d]=c(null),[l,m]=c(null),[$,u]=c(""),w=h=>h.then(()=>m(null),v=>m(y(v))),A=h=>k(`${L}?${X}&limit=${rt}${h&&"&cursor="+encodeURIComponent(h)}`).then(v=>{s(R=>[...h?R??[]:[],...v.dead_letters]),v.reasons&&r(v.reasons),d(v.next_cursor)}),D=()=>w(A("")),at=(h,v,R)=>w(J("POST",`${L}/${h}?${X}`,v).then(B=>{let U=B.requested??B.letters;return u(e(R,{n:i(U)},U)),setTimeout(D,h==="retry"?nt:0),A("")}));return T(()=>{D()},[]),{rows:t,reasons:o,next:n,error:l,said:$,act:w,read:D,change:at,more:()=>n&&w(A(n))}}function dt({reason:t,retry:s,discard:o}){let r={reason:t.reason};return a`<div class="job"><div class="job-main">
<div class="job-name"><b>${e("dead_"+t.reason.replaceAll(" ","_"))}</b></div>
<div class="job-facts num"><span>${e("letters",{n:i(t.letters)},t.letters)}</span>
<span>${e("lastAt",{time:p(t.last_at)})}</span>
${t.waiting>0&&a`<span>${e("retrying",{n:i(t.waiting)},t.waiting)}</span>`}</div>
</div><div class="job-tools">
<button class="btn" onClick=${()=>s(r)}>${e("retryAll")}</button>
<button class="btn danger" onClick=${()=>o(r)}>${e("discardAll")}</button></div></div>`}function lt({letter:t,show:s,retry:o,discard:r}){let n={ids:[t.id]};return a`<div class="job"><div class="job-main">
<div class="job-name"><b>${t.event_id??t.batch_id}</b>${t.is_waiting&&a`<span
class="state running">${e("retryWaits")}</span>`}</div>
<div class="job-error">${t.detail}</div>
<div class="job-facts num"><span>${e("receivedOn",{time:p(t.received_at)})}</span>
${t.retries>0&&a`<span>${e("retriedTimes",{n:i(t.retries)},t.retries)}</span>`}
</div></div>
<div class="job-tools"><button class="btn" onClick=${()=>s(t)}>${e("showLetter")}</button>
<button class="btn" disabled=${t.is_waiting} onClick=${()=>o(n)}>${e("retryOne")}</button>
<button class="btn danger" onClick=${()=>r(n)}>${e("discardOne")}</button></div></div>`}var ct=({letter:t,close:s})=>a`<${N} title=${t.event_id??t.batch_id} close=${s}>
<dl class="facts"><div><dt>${e("reason")}</dt><dd>${t.detail}</dd></div>
<div><dt>${e("batch")}</dt><dd>${t.batch_id}</dd></div>
<div><dt>${e("sentBy")}</dt><dd>${t.principal}</dd></div></dl>
<pre class="facts-json" tabindex="0">${JSON.stringify(t.items,null,2)}</pre><//>`;await x(()=>import("../chunks/words_operations-BH7WEAIA.js"),()=>import("../chunks/words_operations_de-MRSJPFHX.js"));var $t=8;function tt(){let{data:t,error:s,retry:o}=Y("storage?site="+encodeURIComponent(g));return a`<section class="card pad" aria-label=${e("storageTitle")}>
<h2 class="card-title">${e("storageTitle")}</h2><${f} error=${s} retry=${o} />
${t?a`<${mt} stored=${t} /><${pt} steps=${t.retention} />
${t.tables&&a`<${ut} tables=${t.tables} />`}`:a`<div class="skeleton map-sk"></div>`}
</section>`}function mt({stored:{disk:t,column_files:[s]}}){return a`<dl class="facts">
${t&&a`<div><dt>${e("diskFree")}</dt><dd>${e("diskOf",{free:_(t.free_bytes),all:_(t.total_bytes)})}</dd></div>`}
${s&&a`<div><dt>${e("columnFiles")}</dt><dd>${e("columnFilesText",{written:i(s.written),days:i(s.days),events:i(s.events),size:_(s.bytes)})}</dd></div>`}</dl>`}function pt({steps:t}){return t.length?a`<div class="scroll" tabindex="0"><table class="plain"><caption>${e("dueTitle")}</caption>
<thead><tr><th scope="col">${e("dueWhat")}</th><th scope="col">${e("dueHow")}</th><th scope="col">${e("dueRows")}</th>
<th scope="col">${e("dueSetting")}</th></tr></thead>
<tbody>${t.map((s,o)=>a`<tr key=${o}><td>${s.what}</td>
<td>${e("due_"+s.action)}</td>
<td>${s.is_estimate?e("about",{n:i(s.rows)}):i(s.rows)}</td>
<td><code>${s.setting}</code></td></tr>`)}</tbody></table></div>`:a`<p class="muted">${e("nothingDue")}</p>`}var ut=({tables:t})=>a`<div class="scroll" tabindex="0"><table class="plain num">
<caption>${e("largestTables")}</caption><thead><tr><th scope="col">${e("tableName")}</th>
<th scope="col">${e("partitionCount")}</th><th scope="col">${e("onDisk")}</th></tr></thead>
<tbody>${t.slice(0,$t).map(s=>a`<tr key=${s.table}><td>${s.table}</td>
<td>${s.partitions?i(s.partitions):b}</td><td>${_(s.bytes)}</td></tr>`)}</tbody></table></div>`;await x(()=>import("../chunks/words_operations-BH7WEAIA.js"),()=>import("../chunks/words_operations_de-MRSJPFHX.js"));var ft=()=>new URLSearchParams(location.search).get("event")??"";function et(){let[t,s]=c(ft),{trace:o,error:r,retry:n}=bt(t),d=l=>{l.preventDefault(),s(String(new FormData(l.target).get("id")).trim())};return a`<section class="card pad" aria-label=${e("traceTitle")}>
<h2 class="card-title">${e("traceTitle")}</h2><p class="muted">${e("traceIntro")}</p>
<form class="line-form" role="search" onSubmit=${d}>
<label class="field">${e("eventId")}<input name="id" required maxlength="512" autocomplete="off" value=${t}
spellcheck=${!1} /></label><button class="btn">${e("findIt")}</button></form>
<div aria-live="polite">
${r?.status===404?a`<div class="trace"><span class="state failed">${e("trace_unknown")}</span>
<p>${e("traceUnknown")}</p></div>`:a`<${f} error=${r} retry=${n} />`}
${o&&a`<${ht} trace=${o} />`}</div>
</section>`}function bt(t){let[s,o]=c(null),[r,n]=c(null),[d,l]=c(0);return T(()=>{if(o(null),n(null),!t)return;let m=new AbortController,$=`events/${encodeURIComponent(t)}/trace?site=${encodeURIComponent(g)}`;return k($,m.signal).then(o,u=>m.signal.aborted||n(y(u))),()=>m.abort()},[t,d]),{trace:s,error:r,retry:()=>l(m=>m+1)}}function ht({trace:t}){let{event:s,batch:o,dead_letter:r,rollups:n}=t,d={stored:"done",waiting:"running",dead_lettered:"failed",gone:"failed"}[t.state];return a`<div class="trace">
<span class=${"state "+d}>${e("trace_"+t.state)}</span>
<p>${e("traceText_"+t.state)}</p>
<dl class="facts">
${s&&a`<${F} facts=${vt(s)} />`}
${r&&a`<${F} facts=${[[e("reason"),r.reason],[e("detail"),r.detail]]} />`}
${o&&a`<${F} facts=${gt(o)} />`}
</dl>
${n.length>0&&a`<details><summary>${e("countedIn",{n:i(n.length)},n.length)}
</summary><div class="scroll" tabindex="0"><table class="plain"><thead><tr><th scope="col">${e("dimension")}</th>
<th scope="col">${e("value")}</th><th scope="col">${e("calendarDay")}</th><th scope="col">${e("outcome")}</th>
</tr></thead><tbody>${n.map((l,m)=>a`<tr key=${m}><td>${l.dimension}</td>
<td>${l.value}</td><td>${l.day}</td>
<td>${e(l.state==="merged"?"counted":"countedSoon")}</td></tr>`)}</tbody></table></div></details>`}
</div>`}function vt(t){return[[e("type"),t.type],[e("happenedAt"),p(t.ts)],[e("receivedAt"),p(t.received_at)],[e("userId"),t.user_id??""],[e("path"),t.path??""],[e("src"),t.subject??""],[e("countedAsBot"),t.is_bot?e("countedAsBotText"):""]]}function gt(t){let s=["accepted","stored","duplicate","dead_lettered"].filter(o=>t[o]!=null);return[[e("batch"),t.batch_id],[e("sentBy"),t.principal??""],[e("storedAt"),t.stored_at?p(t.stored_at):""],[e("ofBatch"),s.map(o=>`${e("n_"+o)} ${i(t[o])}`).join(", ")]]}var F=({facts:t})=>t.filter(([,s])=>s!=="").map(([s,o])=>a`<div key=${s}><dt>
${s}</dt><dd>${o}</dd></div>`);await x(()=>import("../chunks/words_operations-BH7WEAIA.js"),()=>import("../chunks/words_operations_de-MRSJPFHX.js"));var yt=5e3;function _t({pages:t}){let{health:s,error:o,retry:r}=wt();return a`<${G} pages=${t} name="operations" title=${e("operations")} intro=${e("operationsIntro")}
isReady=${s!==null}>
<${f} error=${o} retry=${r} />
<${St} health=${s} />
<${et} />
${I("admin")&&a`<${Q} last=${s?.audit??null} /><${Z} /><${tt} />
<div class="panels"><${It} health=${s} /><${Dt} tasks=${s?.tasks??null} /></div>`}
<//>`}function wt(){let[t,s]=c(null),[o,r]=c(null),[n,d]=c(0);return T(()=>{let l=!1,m=()=>kt().then(u=>{l||(s(u),r(null))},u=>l||r(y(u)));m();let $=setInterval(()=>document.hidden||m(),yt);return()=>{l=!0,clearInterval($)}},[n]),{health:t,error:o,retry:()=>d(l=>l+1)}}async function kt(){let t=await fetch(V("healthz"),{credentials:"same-origin"}),s=await t.json();return I("admin")&&t.ok&&!s.queue&&K(),s}function St({health:t}){let s=t?t.ok?t.degraded.length?"warned":"done":"failed":"",{queue:o,rollups:r,audit:n}=t??{};return a`<section class="card hero" aria-label=${e("stateOfService")}>
<div class="service-state" role="status">${t?a`<span
class=${"state "+s}>${e("service_"+(s||"done"))}</span>
<span>${Tt(t)}</span>`:a`<span class="skeleton state-sk"></span>`}</div>
${t&&t.degraded.length>0&&a`<ul class="degraded">${t.degraded.map(d=>a`<li
key=${d}>${e("degraded_"+d)}</li>`)}</ul>`}
${I("admin")&&a`<div class="kpis">
<${S} name=${e("waitsStored")} value=${E(o?.backlog_events)} title=${i(o?.backlog_events)}
foot=${st(o?.backlog_events,o?.oldest_waiting_s)} />
<${S} name=${e("waitsCounted")} value=${E(r?.waiting_events)}
title=${i(r?.waiting_events)} foot=${st(r?.waiting_events,r?.merge_lag_s)} />
<${S} name=${e("auditGap")} value=${xt(n)} title=${n?.gap??void 0}
foot=${n?.checked_at?e("checkedAt",{time:p(n.checked_at)}):e("neverChecked")} />
<${S} name=${e("cacheHits")} value=${At(t?.cache)} foot=${e("ofReports")} />
<${S} name=${e("connections")} value=${t?.pool?i(t.pool.checked_out):b}
foot=${t?.pool&&e("ofSize",{n:i(t.pool.size)})} />
<${S} name=${e("redisMemory")} value=${_(t?.redis_memory?.used_bytes??null)}
foot=${jt(t)} />
</div>`}
</section>`}var st=(t,s)=>t===0?e("nothingWaits"):e("oldest",{time:O(s)});function Tt(t){let s=o=>{let r=t.checks?.[o];return`${e(o)}: ${r?.ok?`${i(r.latency_ms)} ms`:t[o]}`};return[s("postgres"),s("redis"),e("versionIs",{version:t.version})].join(" · ")}var xt=t=>t?.checked_at?e(t.gap?"notBalanced":"balanced"):b;function At(t){let s=(t?.hits??0)+(t?.misses??0);return s?z((t?.hits??0)/s):b}function jt(t){let s=t?.redis_memory?.limit_bytes;return s==null?"":s?e("ofSize",{n:_(s)}):e("noLimit")}function It({health:t}){let{workers:s={},beat:o=null}=t?.heartbeats??{},r=[...Object.entries(s).map(([n,d])=>({name:n,age:d})),{name:"beat",age:o}];return a`<section class="card panel" aria-label=${e("processes")}>
<div class="tabs"><h2 class="tab on">${e("processes")}</h2></div>
${t?a`<div class="scroll" tabindex="0" role="group"
aria-label=${e("processes")}><table class="plain">
<thead><tr><th scope="col">${e("process")}</th><th scope="col">${e("lastHeartbeat")}</th></tr></thead>
<tbody>${r.map(({name:n,age:d})=>a`<tr key=${n}><td>${n}</td>
<td>${d===null?e("noHeartbeat"):e("ago",{time:O(d)})}</td></tr>`)}</tbody></table></div>`:a`<div class="skeleton map-sk"></div>`}
</section>`}function Dt({tasks:t}){let s=Object.entries(t??{}).sort(([o],[r])=>o<r?-1:1);return a`<section class="card panel" aria-label=${e("tasks")}>
<div class="tabs"><h2 class="tab on">${e("tasks")}</h2></div>
${t?s.length?a`<div class="scroll" tabindex="0" role="group"
aria-label=${e("tasks")}><table class="plain">
<thead><tr><th scope="col">${e("task")}</th><th scope="col">${e("outcome")}</th>
<th scope="col">${e("lastSuccess")}</th><th scope="col">${e("duration")}</th></tr></thead>
<tbody>${s.map(([o,r])=>a`<tr key=${o}><td>${o}</td>
<td><span class=${"state "+H(r)}>${e("run_"+H(r))}</span>
${H(r)==="failed"&&a` <span class="job-error">${r.outcome}</span>`}</td>
<td>${r.last_success_at?p(r.last_success_at):e("never")}</td>
<td>${r.duration_ms===null?b:`${i(Math.round(r.duration_ms))} ms`}</td></tr>`)}</tbody></table>
</div>`:a`<p
class="muted said-line">${e("noTasks")}</p>`:a`<div class="skeleton map-sk"></div>`}
</section>`}function H(t){return t.started_at&&t.started_at>(t.ended_at??"")?"running":t.outcome?t.outcome==="ok"?"done":"failed":"waiting"}export{_t as default};
