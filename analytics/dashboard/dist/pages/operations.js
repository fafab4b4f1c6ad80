import{a as G}from"../chunks/chunk-4VP735K2.js";import{b as w}from"../chunks/chunk-QORAWW77.js";import{A as R,Aa as N,Ba as f,C as q,Ca as _,Da as W,Fa as e,Ha as V,I as E,La as J,Ma as S,Na as K,Oa as Y,Pa as Q,U as m,V as y,b as c,c as T,g as a,h as g,m as j,n as A,o as U,ra as z,y as b,z as i,za as M}from"../chunks/chunk-UMTCUHV3.js";var O=["accepted","stored","duplicate","dead","refused","in_flight"];function X({last:t}){let[s,o]=c(null),[r,n]=c(null),[d,l]=c(!1),u=$=>{$.preventDefault();let p=new FormData($.target),k=new URLSearchParams({site:g,from:String(p.get("from")),to:String(p.get("to"))});p.get("full")&&k.set("full","true"),l(!0),n(null),S("audit?"+k).then(o,x=>n(_(x))).finally(()=>l(!1))};return a`<section class="card pad" aria-label=${e("auditTitle")}>
    <h2 class="card-title">${e("auditTitle")}</h2><p class="muted">${e("auditIntro")}</p>
    ${t?.gap?a`<p class="job-error" role="status">${e("lastAuditGap",{gap:t.gap})}</p>`:""}
    <form class="line-form" onSubmit=${u}>
      <label class="field day">${e("fromDay")}<input type="date" name="from" required value=${U(A(),-1)}
        max=${A()} /></label>
      <label class="field day">${e("toDay")}<input type="date" name="to" required value=${A()} max=${A()} />
        </label>
      <label class="check"><input type="checkbox" name="full" />${e("fullAudit")}</label>
      <button class="btn" disabled=${d}>${e(d?"checking":"checkNow")}</button></form>
    <${f} error=${r} />
    <div aria-live="polite" class=${d?"busy":""}>${s&&a`<${rt} sheet=${s} />`}</div>
  </section>`}function rt({sheet:t}){let s=t.hours.filter(o=>O.some(r=>o[r]));return a`<div class="trace">
    <span class=${"state "+(t.balanced?"done":"failed")}>${e(t.balanced?"balanced":"notBalanced")}
      </span> <span class="muted">${e("checkedAt",{time:m(t.checked_at)})}</span>
    ${t.gaps.length>0&&a`<${P} name=${e("gaps")} head=${["place","whatCounted","expected","foundCount"]}
      rows=${t.gaps.map(o=>[o.where,o.what,i(o.expected),i(o.found)])} />`}
    ${s.length>0&&a`<${P} name=${e("byHour")} head=${["hourOf",...O.map(o=>"n_"+o)]}
      rows=${s.map(o=>[m(o.hour),...O.map(r=>i(o[r]))])} />`}
    ${t.days.length>0&&a`<${P} name=${e("byDay")} head=${["calendarDay","rawEvents","rolledUp","waiting"]}
      rows=${t.days.map(o=>[o.day,o.raw===null?b:i(o.raw),i(o.rolled_up),i(o.waiting)])} />`}
    ${t.notes.length>0&&a`<ul class="degraded">${t.notes.map(o=>a`<li key=${o}>${o}</li>`)}
      </ul>`}
  </div>`}var P=({name:t,head:s,rows:o})=>a`<div class="scroll" tabindex="0" role="group" aria-label=${t}><table class="plain num"><caption>${t}
  </caption><thead><tr>${s.map(r=>a`<th key=${r} scope="col">${e(r)}</th>`)}</tr>
  </thead><tbody>${o.map((r,n)=>a`<tr key=${n}>${r.map((d,l)=>a`<td key=${l}>
    ${d}</td>`)}</tr>`)}</tbody></table></div>`;var nt=50,C="dead-letters",Z="site="+encodeURIComponent(g),it=3e3;function tt(){let t=dt(),[s,o]=c(null),[r,n]=c(null),d=$=>t.act(S(`${C}/${$.id}`).then(o)),l=$=>t.change("retry",$,"retryRequested"),u=$=>{n(null),t.change("discard",$,"discarded")};return a`<section class="card panel" aria-label=${e("deadLetters")}>
    <div class="tabs"><h2 class="tab on">${e("deadLetters")}</h2></div>
    <p class="muted said-line">${e("deadIntro")}</p>
    <${f} error=${t.error} retry=${t.read} />
    <div class="said" role="status">${t.said}</div>
    ${t.rows?t.rows.length?a`
      <ul class="jobs">${t.reasons.map($=>a`<li key=${$.reason}><${lt} reason=${$}
        retry=${l} discard=${n} /></li>`)}</ul>
      <ul class="jobs letters">${t.rows.map($=>a`<li key=${$.id}><${ct} letter=${$}
        show=${d} retry=${l} discard=${n} /></li>`)}</ul>`:a`<${z}
      title=${e("noDead")}>${e("noDeadText")}<//>`:a`<div class="skeleton map-sk"></div>`}
    ${t.next&&a`<div class="panel-foot"><button class="more" onClick=${t.more}>${e("showMore")}</button>
      </div>`}
    ${s&&a`<${$t} letter=${s} close=${()=>o(null)} />`}
    ${r&&a`<${G} title=${e("discardTitle")} text=${e("discardText")} yes=${e("discardForEver")}
      confirm=${()=>u(r)} close=${()=>n(null)} />`}
  </section>`}function dt(){let[t,s]=c(null),[o,r]=c([]),[n,d]=c(null),[l,u]=c(null),[$,p]=c(""),k=h=>h.then(()=>u(null),v=>u(_(v))),x=h=>S(`${C}?${Z}&limit=${nt}${h&&"&cursor="+encodeURIComponent(h)}`).then(v=>{s(D=>[...h?D??[]:[],...v.dead_letters]),v.reasons&&r(v.reasons),d(v.next_cursor)}),I=()=>k(x("")),ot=(h,v,D)=>k(K("POST",`${C}/${h}?${Z}`,v).then(H=>{let B=H.requested??H.letters;return p(e(D,{n:i(B)},B)),setTimeout(I,h==="retry"?it:0),x("")}));return T(()=>{I()},[]),{rows:t,reasons:o,next:n,error:l,said:$,act:k,read:I,change:ot,more:()=>n&&k(x(n))}}function lt({reason:t,retry:s,discard:o}){let r={reason:t.reason};return a`<div class="job"><div class="job-main">
      <div class="job-name"><b>${e("dead_"+t.reason.replaceAll(" ","_"))}</b></div>
      <div class="job-facts num"><span>${e("letters",{n:i(t.letters)},t.letters)}</span>
        <span>${e("lastAt",{time:m(t.last_at)})}</span>
        ${t.waiting>0&&a`<span>${e("retrying",{n:i(t.waiting)},t.waiting)}</span>`}</div>
    </div><div class="job-tools">
      <button class="btn" onClick=${()=>s(r)}>${e("retryAll")}</button>
      <button class="btn danger" onClick=${()=>o(r)}>${e("discardAll")}</button></div></div>`}function ct({letter:t,show:s,retry:o,discard:r}){let n={ids:[t.id]};return a`<div class="job"><div class="job-main">
      <div class="job-name"><b>${t.event_id??t.batch_id}</b>${t.is_waiting&&a`<span
        class="state running">${e("retryWaits")}</span>`}</div>
      <div class="job-error">${t.detail}</div>
      <div class="job-facts num"><span>${e("receivedOn",{time:m(t.received_at)})}</span>
        ${t.retries>0&&a`<span>${e("retriedTimes",{n:i(t.retries)},t.retries)}</span>`}
      </div></div>
    <div class="job-tools"><button class="btn" onClick=${()=>s(t)}>${e("showLetter")}</button>
      <button class="btn" disabled=${t.is_waiting} onClick=${()=>o(n)}>${e("retryOne")}</button>
      <button class="btn danger" onClick=${()=>r(n)}>${e("discardOne")}</button></div></div>`}var $t=({letter:t,close:s})=>a`<${M} title=${t.event_id??t.batch_id} close=${s}>
  <dl class="facts"><div><dt>${e("reason")}</dt><dd>${t.detail}</dd></div>
    <div><dt>${e("batch")}</dt><dd>${t.batch_id}</dd></div>
    <div><dt>${e("sentBy")}</dt><dd>${t.principal}</dd></div></dl>
  <pre class="facts-json" tabindex="0">${JSON.stringify(t.items,null,2)}</pre><//>`;V(await(W==="de"?import("../chunks/words_operations_de-TJB4FPSV.js").then(t=>t.de):import("../chunks/words_operations-NOST6TAN.js").then(t=>t.en)));var ut=8;function et(){let{data:t,error:s,retry:o}=Q("storage?site="+encodeURIComponent(g));return a`<section class="card pad" aria-label=${e("storageTitle")}>
    <h2 class="card-title">${e("storageTitle")}</h2><${f} error=${s} retry=${o} />
    ${t?a`<${mt} stored=${t} /><${pt} steps=${t.retention} />
      ${t.tables&&a`<${ft} tables=${t.tables} />`}`:a`<div class="skeleton map-sk"></div>`}
  </section>`}function mt({stored:{disk:t,column_files:[s]}}){return a`<dl class="facts">
    ${t&&a`<div><dt>${e("diskFree")}</dt><dd>${e("diskOf",{free:y(t.free_bytes),all:y(t.total_bytes)})}</dd></div>`}
    ${s&&a`<div><dt>${e("columnFiles")}</dt><dd>${e("columnFilesText",{written:i(s.written),days:i(s.days),events:i(s.events),size:y(s.bytes)})}</dd></div>`}</dl>`}function pt({steps:t}){return t.length?a`<div class="scroll" tabindex="0"><table class="plain"><caption>${e("dueTitle")}</caption>
    <thead><tr><th scope="col">${e("dueWhat")}</th><th scope="col">${e("dueHow")}</th><th scope="col">${e("dueRows")}</th>
      <th scope="col">${e("dueSetting")}</th></tr></thead>
    <tbody>${t.map((s,o)=>a`<tr key=${o}><td>${s.what}</td>
      <td>${e("due_"+s.action)}</td>
      <td>${s.is_estimate?e("about",{n:i(s.rows)}):i(s.rows)}</td>
      <td><code>${s.setting}</code></td></tr>`)}</tbody></table></div>`:a`<p class="muted">${e("nothingDue")}</p>`}var ft=({tables:t})=>a`<div class="scroll" tabindex="0"><table class="plain num">
  <caption>${e("largestTables")}</caption><thead><tr><th scope="col">${e("tableName")}</th>
    <th scope="col">${e("partitionCount")}</th><th scope="col">${e("onDisk")}</th></tr></thead>
  <tbody>${t.slice(0,ut).map(s=>a`<tr key=${s.table}><td>${s.table}</td>
    <td>${s.partitions?i(s.partitions):b}</td><td>${y(s.bytes)}</td></tr>`)}</tbody></table></div>`;var bt=()=>new URLSearchParams(location.search).get("event")??"";function st(){let[t,s]=c(bt),{trace:o,error:r,retry:n}=ht(t),d=l=>{l.preventDefault(),s(String(new FormData(l.target).get("id")).trim())};return a`<section class="card pad" aria-label=${e("traceTitle")}>
    <h2 class="card-title">${e("traceTitle")}</h2><p class="muted">${e("traceIntro")}</p>
    <form class="line-form" role="search" onSubmit=${d}>
      <label class="field">${e("eventId")}<input name="id" required maxlength="512" autocomplete="off" value=${t}
        spellcheck=${!1} /></label><button class="btn">${e("findIt")}</button></form>
    <div aria-live="polite">
      ${r?.status===404?a`<div class="trace"><span class="state failed">${e("trace_unknown")}</span>
        <p>${e("traceUnknown")}</p></div>`:a`<${f} error=${r} retry=${n} />`}
      ${o&&a`<${vt} trace=${o} />`}</div>
  </section>`}function ht(t){let[s,o]=c(null),[r,n]=c(null),[d,l]=c(0);return T(()=>{if(o(null),n(null),!t)return;let u=new AbortController,$=`events/${encodeURIComponent(t)}/trace?site=${encodeURIComponent(g)}`;return S($,u.signal).then(o,p=>u.signal.aborted||n(_(p))),()=>u.abort()},[t,d]),{trace:s,error:r,retry:()=>l(u=>u+1)}}function vt({trace:t}){let{event:s,batch:o,dead_letter:r,rollups:n}=t,d={stored:"done",waiting:"running",dead_lettered:"failed",gone:"failed"}[t.state];return a`<div class="trace">
    <span class=${"state "+d}>${e("trace_"+t.state)}</span>
    <p>${e("traceText_"+t.state)}</p>
    <dl class="facts">
      ${s&&a`<${L} facts=${gt(s)} />`}
      ${r&&a`<${L} facts=${[[e("reason"),r.reason],[e("detail"),r.detail]]} />`}
      ${o&&a`<${L} facts=${yt(o)} />`}
    </dl>
    ${n.length>0&&a`<details><summary>${e("countedIn",{n:i(n.length)},n.length)}
      </summary><div class="scroll" tabindex="0"><table class="plain"><thead><tr><th scope="col">${e("dimension")}</th>
        <th scope="col">${e("value")}</th><th scope="col">${e("calendarDay")}</th><th scope="col">${e("outcome")}</th>
        </tr></thead><tbody>${n.map((l,u)=>a`<tr key=${u}><td>${l.dimension}</td>
          <td>${l.value}</td><td>${l.day}</td>
          <td>${e(l.state==="merged"?"counted":"countedSoon")}</td></tr>`)}</tbody></table></div></details>`}
  </div>`}function gt(t){return[[e("type"),t.type],[e("happenedAt"),m(t.ts)],[e("receivedAt"),m(t.received_at)],[e("userId"),t.user_id??""],[e("path"),t.path??""],[e("src"),t.subject??""],[e("countedAsBot"),t.is_bot?e("countedAsBotText"):""]]}function yt(t){let s=["accepted","stored","duplicate","dead_lettered"].filter(o=>t[o]!=null);return[[e("batch"),t.batch_id],[e("sentBy"),t.principal??""],[e("storedAt"),t.stored_at?m(t.stored_at):""],[e("ofBatch"),s.map(o=>`${e("n_"+o)} ${i(t[o])}`).join(", ")]]}var L=({facts:t})=>t.filter(([,s])=>s!=="").map(([s,o])=>a`<div key=${s}><dt>
  ${s}</dt><dd>${o}</dd></div>`);var _t=5e3;function kt({pages:t}){let{health:s,error:o,retry:r}=wt();return a`<${N} pages=${t} name="operations" title=${e("operations")} intro=${e("operationsIntro")}
    isReady=${s!==null}>
    <${f} error=${o} retry=${r} />
    <${Tt} health=${s} />
    <${st} />
    ${j("admin")&&a`<${X} last=${s?.audit??null} /><${tt} /><${et} />
      <div class="panels"><${Dt} health=${s} /><${Rt} tasks=${s?.tasks??null} /></div>`}
  <//>`}function wt(){let[t,s]=c(null),[o,r]=c(null),[n,d]=c(0);return T(()=>{let l=!1,u=()=>St().then(p=>{l||(s(p),r(null))},p=>l||r(_(p)));u();let $=setInterval(()=>document.hidden||u(),_t);return()=>{l=!0,clearInterval($)}},[n]),{health:t,error:o,retry:()=>d(l=>l+1)}}async function St(){let t=await fetch(J("healthz"),{credentials:"same-origin"}),s=await t.json();return j("admin")&&t.ok&&!s.queue&&Y(),s}function Tt({health:t}){let s=t?t.ok?t.degraded.length?"warned":"done":"failed":"",{queue:o,rollups:r,audit:n}=t??{};return a`<section class="card hero" aria-label=${e("stateOfService")}>
    <div class="service-state" role="status">${t?a`<span
      class=${"state "+s}>${e("service_"+(s||"done"))}</span>
      <span>${xt(t)}</span>`:a`<span class="skeleton state-sk"></span>`}</div>
    ${t&&t.degraded.length>0&&a`<ul class="degraded">${t.degraded.map(d=>a`<li
      key=${d}>${e("degraded_"+d)}</li>`)}</ul>`}
    ${j("admin")&&a`<div class="kpis">
      <${w} name=${e("waitsStored")} value=${R(o?.backlog_events)} title=${i(o?.backlog_events)}
        foot=${at(o?.backlog_events,o?.oldest_waiting_s)} />
      <${w} name=${e("waitsCounted")} value=${R(r?.waiting_events)}
        title=${i(r?.waiting_events)} foot=${at(r?.waiting_events,r?.merge_lag_s)} />
      <${w} name=${e("auditGap")} value=${At(n)} title=${n?.gap??void 0}
        foot=${n?.checked_at?e("checkedAt",{time:m(n.checked_at)}):e("neverChecked")} />
      <${w} name=${e("cacheHits")} value=${jt(t?.cache)} foot=${e("ofReports")} />
      <${w} name=${e("connections")} value=${t?.pool?i(t.pool.checked_out):b}
        foot=${t?.pool&&e("ofSize",{n:i(t.pool.size)})} />
      <${w} name=${e("redisMemory")} value=${y(t?.redis_memory?.used_bytes??null)}
        foot=${It(t)} />
    </div>`}
  </section>`}var at=(t,s)=>t===0?e("nothingWaits"):e("oldest",{time:E(s)});function xt(t){let s=o=>{let r=t.checks?.[o];return`${e(o)}: ${r?.ok?`${i(r.latency_ms)} ms`:t[o]}`};return[s("postgres"),s("redis"),e("versionIs",{version:t.version})].join(" · ")}var At=t=>t?.checked_at?e(t.gap?"notBalanced":"balanced"):b;function jt(t){let s=(t?.hits??0)+(t?.misses??0);return s?q((t?.hits??0)/s):b}function It(t){let s=t?.redis_memory?.limit_bytes;return s==null?"":s?e("ofSize",{n:y(s)}):e("noLimit")}function Dt({health:t}){let{workers:s={},beat:o=null}=t?.heartbeats??{},r=[...Object.entries(s).map(([n,d])=>({name:n,age:d})),{name:"beat",age:o}];return a`<section class="card panel" aria-label=${e("processes")}>
    <div class="tabs"><h2 class="tab on">${e("processes")}</h2></div>
    ${t?a`<div class="scroll" tabindex="0" role="group"
      aria-label=${e("processes")}><table class="plain">
      <thead><tr><th scope="col">${e("process")}</th><th scope="col">${e("lastHeartbeat")}</th></tr></thead>
      <tbody>${r.map(({name:n,age:d})=>a`<tr key=${n}><td>${n}</td>
        <td>${d===null?e("noHeartbeat"):e("ago",{time:E(d)})}</td></tr>`)}</tbody></table></div>`:a`<div class="skeleton map-sk"></div>`}
  </section>`}function Rt({tasks:t}){let s=Object.entries(t??{}).sort(([o],[r])=>o<r?-1:1);return a`<section class="card panel" aria-label=${e("tasks")}>
    <div class="tabs"><h2 class="tab on">${e("tasks")}</h2></div>
    ${t?s.length?a`<div class="scroll" tabindex="0" role="group"
      aria-label=${e("tasks")}><table class="plain">
      <thead><tr><th scope="col">${e("task")}</th><th scope="col">${e("outcome")}</th>
        <th scope="col">${e("lastSuccess")}</th><th scope="col">${e("duration")}</th></tr></thead>
      <tbody>${s.map(([o,r])=>a`<tr key=${o}><td>${o}</td>
        <td><span class=${"state "+F(r)}>${e("run_"+F(r))}</span>
          ${F(r)==="failed"&&a` <span class="job-error">${r.outcome}</span>`}</td>
        <td>${r.last_success_at?m(r.last_success_at):e("never")}</td>
        <td>${r.duration_ms===null?b:`${i(Math.round(r.duration_ms))} ms`}</td></tr>`)}</tbody></table>
      </div>`:a`<p
      class="muted said-line">${e("noTasks")}</p>`:a`<div class="skeleton map-sk"></div>`}
  </section>`}function F(t){return t.started_at&&t.started_at>(t.ended_at??"")?"running":t.outcome?t.outcome==="ok"?"done":"failed":"waiting"}export{kt as default};
