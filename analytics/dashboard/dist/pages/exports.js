import{a as B,b as te,c as se,d as ae,e as L,f as le,g as re,i as F,j as ne,l as oe,m as ie,n as q}from"../chunks/chunk-FY6TNEWZ.js";import{i as Z,j as K}from"../chunks/chunk-6FWE6NLM.js";import{a as j}from"../chunks/chunk-P7ODPVP6.js";import{a as Q}from"../chunks/chunk-7CBSM4VU.js";import{a as X,b as M,c as E}from"../chunks/chunk-GZ7CNJNQ.js";import{$ as w,G as H,H as N,I as T,L as I,N as g,P as V,S as Y,aa as G,b as u,c as z,da as m,e as A,ga as k,h as a,i as S,j as D,n as y,p as P,q as J,ra as s,s as W,sa as ee}from"../chunks/chunk-5D7LDSM5.js";var O=e=>e.state==="queued"||e.state==="running";function de({jobs:e,busy:t,cancel:l,remove:i,again:r,more:n}){return a`<section class="card panel" aria-label=${s("filesTitle")}>
    <div class="tabs"><h2 class="tab on">${s("filesTitle")}</h2></div>
    ${e?e.length?a`<ul class="jobs">
      ${e.map(o=>a`<li key=${o.id}><${fe} job=${o} isBusy=${t.has(o.id)} cancel=${l}
        remove=${i} again=${r} /></li>`)}</ul>`:a`<${k}
      title=${s("filesEmpty")}>${s("filesEmptyText")}<//>`:a`<div class="skeleton map-sk"></div>`}
    ${n&&a`<div class="panel-foot"><button class="more" onClick=${n}>${s("showMore")}</button></div>`}
  </section>`}function fe({job:e,isBusy:t,cancel:l,remove:i,again:r}){return a`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${e.file_name}</b><span
        class=${"state "+e.state}>${s("state_"+e.state)}</span></div>
      <div class="job-facts"><span>${q(e.request).join(" · ")}</span>
        <span>${s(e.schedule_id?"orderedBySchedule":"orderedAt",{time:w(e.created_at)})}</span></div>
      <${he} job=${e} />
      <${ve} job=${e} />
    </div>
    <div class="job-tools">
      ${e.state==="done"&&a`<a class="btn" href=${H(`exports/${e.id}/download`)}
        download=${e.file_name}><${m} name="download" />${s("download")}</a>`}
      ${O(e)&&a`<button class="btn" disabled=${t} onClick=${()=>l(e)}>${s("cancelJob")}
        </button>`}
      ${["failed","cancelled","expired"].includes(e.state)&&a`<button class="btn" disabled=${t}
        onClick=${()=>r(e)}><${m} name="repeat" />${s("orderAgain")}</button>`}
      ${!O(e)&&a`<button class="iconbtn" disabled=${t}
        aria-label=${s("deleteFile",{name:e.file_name})} title=${s("deleteWord")} onClick=${()=>i(e)}>
        <${m} name="trash" /></button>`}
    </div>
  </div>`}function he({job:e}){let{progress:t}=e;if(O(e)){let l=t.rows_estimate===null?g(t.rows_done):s("rowsOf",{n:g(t.rows_done),all:g(t.rows_estimate)});return a`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${t.percent} aria-label=${e.file_name}><span style=${{"--w":t.percent+"%"}}>
      </span></div>
      <div class="job-facts num">
        <span>${V(t.percent/100)}</span>
        ${e.state==="running"&&a`<span>${s("rowsCount",{n:l},t.rows_done)}</span>`}
        ${t.eta_s!==null&&a`<span>${s("etaLeft",{time:Y(t.eta_s)})}
          </span>`}${e.attempt>1&&a`<span>${s("attemptCount",{n:e.attempt})}</span>`}</div>
      ${e.error&&a`<div class="job-error">${e.error}</div>`}`}return e.state==="failed"?a`<div class="job-error">${e.error??s("failedText")}</div>`:e.state!=="done"?a`<div
    class="job-facts">${s(e.state==="expired"?"expiredText":"cancelledText")}</div>`:a`<div class="job-facts num"><span>${s("rowsCount",{n:g(e.rows)},e.rows??0)}</span><span
    title=${g(e.bytes)}>${G(e.bytes)}</span>
    ${e.expires_at&&a`<span>${s("keptUntil",{time:w(e.expires_at)})}</span>`}
    ${e.sha256&&a`<span class="sum"><abbr title=${e.sha256}>SHA-256 ${e.sha256.slice(0,10)}…</abbr>
      <${Q} kind="iconbtn tiny" text=${e.sha256} label=${"SHA-256 "+e.file_name} /></span>`}</div>`}function ve({job:e}){let{callback:t}=e;if(!t)return null;let l=t.last_status!==null?s("callbackStatus",{status:t.last_status}):t.last_error?s("callbackError",{error:be(t.last_error)}):"",i=t.state==="delivered"?t.delivered_at:t.next_attempt_at,r=t.state==="failed"||t.state==="retrying";return a`<div class=${"job-facts"+(r?" job-error":"")}>
    <span>${s("callbackTo",{url:e.callback_url??""})}</span>
    <span>${s("callback_"+t.state,{time:i?w(i):"",n:t.attempts})}
      </span>${r&&l&&a`<span>${l}</span>`}</div>`}var ce={gaierror:"errorHost",TimeoutError:"errorTimeout",SSLError:"errorTls",SSLCertVerificationError:"errorTls"},be=e=>ce[e]?s(ce[e]):e;var U="order-form";function $e({ordered:e}){let[t,l]=u(re),[i,r]=u(null),[n,o]=u(!1),[d,_]=u(!1),x=I(t.what==="users",()=>import("../chunks/group_fields-II2N5OOF.js")),p=I(d,()=>import("../chunks/preview-4QMAVLTC.js")),c=$=>l(h=>({...h,...$})),v=async $=>{$.preventDefault(),o(!0),r(null);try{let h=ne(t);t.every?await T("POST","exports/schedules?site="+encodeURIComponent(S),{every:t.every,at:t.at,request:h}):await T("POST","exports",h),e(!!t.every)}catch(h){r(E(h))}o(!1)},b=(t.what==="events"&&y("read")||t.what==="users")&&(t.what==="users"||!t.where);return a`<section class="card pad order" aria-label=${s("orderTitle")}><h2 class="card-title">${s("orderTitle")}
    </h2>
    <form id=${U} onSubmit=${v}>
      <div class="fields"><${ye} order=${t} set=${c} /><${we} order=${t} set=${c} /></div>
      ${t.what==="users"&&x&&a`<${x.GroupFields} order=${t} set=${c} Choice=${f} />`}
      <div class="fields"><${xe} order=${t} set=${c} /></div>
      <${ge} order=${t} set=${c} />
    </form>
    ${F(t).hasWhere&&a`<${ke} order=${t} set=${c} />`}
    ${B[t.what]&&a`<${_e} order=${t} set=${c} />`}
    <details class="more-fields"><summary>${s("callbackTitle")}</summary><p class="muted">${s("callbackText")}</p>
      <label class="field">${s("callbackUrl")}<input form=${U} type="url" value=${t.callback}
        placeholder="https://example.com/exported"
        onInput=${$=>c({callback:$.target.value.trim()})} /></label></details>
    <${M} error=${i} />
    <div class="order-foot">
      ${b&&a`<button class="btn" aria-pressed=${d} onClick=${()=>_(!d)}>
        <${m} name="table" />${s(d?"previewHide":"preview")}</button>`}
      ${t.where&&!b&&a`<span class="muted">${s("previewFiltered")}</span>`}
      <span class="push"></span><button form=${U} class="btn primary"
        disabled=${n}>${s(t.every?"orderSchedule":"orderFile")}</button></div>
    ${d&&b&&(p?a`<${p.Preview} order=${t} />`:a`<div
      class="skeleton preview-sk"></div>`)}
  </section>`}var f=({label:e,value:t,options:l,choose:i,isOff:r})=>a`<label class="field">${e}<select value=${t}
  disabled=${r} onChange=${n=>i(n.target.value)}>
  ${l.map(([n,o])=>a`<option key=${n} value=${n}>${o}</option>`)}</select></label>`,C=(e,t)=>t.map(l=>[l,s(e+l)]);function ye({order:e,set:t}){let{units:l}=F(e),i=r=>t({report:r,unit:L[r].units.includes(e.unit)?e.unit:L[r].units[0]??"day"});return a`<${f} label=${s("whatField")} value=${e.what}
    options=${C("what_",["events","report","samples","users"])}
      choose=${r=>t({what:r,columns:[],bots:r==="events",types:"",names:"",where:"",group:"all",users:{},...r==="users"&&e.period==="all"&&{period:"28d"}})} />
    ${e.what==="report"&&a`<${f} label=${s("reportField")} value=${e.report}
      options=${C("report_",Object.keys(L))} choose=${i} />`}
    ${e.what==="report"&&e.report==="breakdown"&&a`<${f} label=${s("dimensionField")}
      value=${e.dimension} options=${le.map(r=>[r,ee(r)])} choose=${r=>t({dimension:r})} />`}
    ${l.length>0&&a`<${f} label=${s("unitField")} value=${e.unit} options=${C("unit_",l)}
      choose=${r=>t({unit:r})} />`}`}function we({order:e,set:t}){let l=se.includes(e.format);return a`<${f} label=${s("formatField")} value=${e.format} options=${C("format_",te)}
    choose=${i=>t({format:i})} />
    <${f} label=${s("compressionField")} value=${l?e.compression:"none"} isOff=${!l}
      options=${[["none",s("compression_none")],["gzip","gzip"],["zstd","zstd"]]} choose=${i=>t({compression:i})} />`}function xe({order:e,set:t}){let l=o=>o.target.value,i=o=>t(o&&e.group==="cohort"?{every:o,group:"all",users:{}}:{every:o}),r=e.what==="users"?[]:[["all",s("periodAll")]],n=o=>t(o==="custom"?{period:o,from:e.from||J(P(),-27),to:e.to||P()}:{period:o});return a`
    ${y("write")&&a`<${f} label=${s("everyField")} value=${e.every}
      options=${[["",s("everyOnce")],...C("every_",ae)]} choose=${i} />`}
    ${e.every?a`<label class="field">${s("atField",{zone:D})}<input type="time" required
      value=${e.at} onInput=${o=>t({at:l(o)})} /></label>
      <p class="muted wide">${s(e.what==="users"?"everyUsersText":"everyText")}</p>`:F(e).hasPeriod&&a`<${f} label=${s("period")} value=${e.period}
      options=${[...r,...W.map(o=>[o.name,s(o.name)]),["custom",s("periodCustom")]]} choose=${n} />
      ${e.period==="custom"&&a`<label class="field">${s("from")}<input type="date" required
        max=${e.to||P()} value=${e.from}
        onInput=${o=>t({from:l(o)})} /></label>
        <label class="field">${s("to")}<input type="date" required min=${e.from} value=${e.to}
          onInput=${o=>t({to:l(o)})} /></label>`}`}`}function ge({order:e,set:t}){let{hasTypes:l,hasBots:i}=F(e),r=n=>n.target.value;return!l&&!i&&e.what!=="samples"?null:a`<div class="fields">
      ${l&&a`<label class="field">${s("typesField")}<input value=${e.types}
        placeholder="page_view, signup" onInput=${n=>t({types:r(n)})} />
        </label>`}
      ${e.what==="samples"&&a`<label class="field">${s("namesField")}<input value=${e.names}
        placeholder="web_vital.lcp, load" onInput=${n=>t({names:r(n)})} />
        </label>`}
      ${i&&a`<label class="check"><input type="checkbox" checked=${e.bots}
        onChange=${n=>t({bots:n.target.checked})} />${s("botsField")}</label>`}
    </div>`}function ke({order:e,set:t}){let[l,i]=u(null),r=I(l!==null,()=>import("../chunks/filter_dialog-J6SUENVR.js")),n=ie(e),o=({filter:d})=>d!==void 0&&t({where:d});return a`<div class="where"><${K} state=${n} go=${o}
    add=${()=>i({kind:"filter",index:null})} save=${()=>i({kind:"segment"})} />
    <${Z} state=${n} go=${o} edit=${d=>i({kind:"filter",index:d})} />
      </div>
    ${r&&l?.kind==="filter"&&a`<${r.default} state=${n} go=${o} index=${l.index}
      close=${()=>i(null)} />`}
    ${r&&l?.kind==="segment"&&a`<${r.SegmentDialog} state=${n} go=${o}
      close=${()=>i(null)} />`}`}function _e({order:e,set:t}){let l=B[e.what],i=e.columns.length?e.columns:l,r=n=>{let o=i.includes(n)?i.filter(d=>d!==n):l.filter(d=>d===n||i.includes(d));o.length&&t({columns:o.length===l.length?[]:o})};return a`<details class="more-fields">
    <summary>${s("columnsTitle",{n:e.columns.length||l.length,all:l.length})}</summary>
    <div class="checks" role="group" aria-label=${s("columnsName")}>${l.map(n=>a`<label class="check"
      key=${n}><input type="checkbox" checked=${i.includes(n)} onChange=${()=>r(n)} />${n}
      </label>`)}</div>
    ${e.columns.length>0&&a`<button class="text-btn" onClick=${()=>t({columns:[]})}>${s("columnsAll")}
      </button>`}</details>`}function ue({schedules:e,busy:t,pause:l,run:i,remove:r}){return a`<section class="card panel" aria-label=${s("schedulesTitle")}>
    <div class="tabs"><h2 class="tab on">${s("schedulesTitle")}</h2></div>
    ${e?e.length?a`<ul class="jobs">
      ${e.map(n=>a`<li key=${n.id}><${Se} one=${n} isBusy=${t.has(n.id)}
        pause=${l} run=${i} remove=${r} /></li>`)}</ul>`:a`<${k}
      title=${s("schedulesEmpty")}>${s("schedulesEmptyText")}<//>`:a`<div class="skeleton preview-sk"></div>`}
  </section>`}function Se({one:e,isBusy:t,pause:l,run:i,remove:r}){let n=s("scheduleName",{every:s("every_"+e.every),at:e.at,zone:e.zone});return a`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${n}</b><span
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
      <button class="iconbtn" disabled=${t} aria-label=${`${s(e.enabled?"pause":"resume")}: ${n}`}
        title=${s(e.enabled?"pause":"resume")} onClick=${()=>l(e)}><${m}
        name=${e.enabled?"pause":"play"} /></button>
      <button class="iconbtn" disabled=${t} aria-label=${s("deleteFile",{name:n})} title=${s("deleteWord")}
        onClick=${()=>r(e)}><${m} name="trash" /></button></div>`}
  </div>`}var pe=20,me=200,Te=1500,Ee=2e4;function Fe({pages:e}){let t=y("export"),l=Oe(t),[i,r]=u(null),[n,o]=u(""),d=c=>r({text:s("deleteFileText",{name:c.file_name}),run:()=>l.act(c.id,"DELETE",`exports/${c.id}`)}),_=c=>r({text:s("deleteScheduleText"),run:()=>l.act(c.id,"DELETE",`exports/schedules/${c.id}`)}),x=c=>{o(s(c?"scheduledSaid":"orderedSaid")),l.load()},p=!t||l.jobs!==null&&l.schedules!==null||l.error!==null;return a`<${X} pages=${e} name="exports" title=${s("exports")} intro=${s("exportsIntro")}
    isReady=${p}>
    ${t?a`
      <${$e} ordered=${x} />
      <div class="said" role="status">${n}</div>
      <${M} error=${l.error} retry=${l.load} />
      <${de} jobs=${l.jobs} busy=${l.busy} more=${l.more} remove=${d}
        cancel=${c=>l.act(c.id,"DELETE",`exports/${c.id}`)}
        again=${c=>l.act(c.id,"POST","exports",oe(c.request,c.callback_url))} />
      <${ue} schedules=${l.schedules} busy=${l.busy} remove=${_}
        pause=${c=>l.act(c.id,"PATCH",`exports/schedules/${c.id}`,{enabled:!c.enabled})}
        run=${c=>l.act(c.id,"POST",`exports/schedules/${c.id}/run-now`)} />`:a`<div class="card"><${k} title=${s("noExport")}>${s("noExportText")}<//></div>`}
    ${i&&a`<${j} title=${s("deleteWord")} text=${i.text} yes=${s("deleteWord")}
      confirm=${()=>{i.run(),r(null)}} close=${()=>r(null)} />`}
  <//>`}function Oe(e){let[t,l]=u({jobs:null,schedules:null,hasMore:!1,error:null}),[i,r]=u(()=>new Set),n=A(0),o=A(pe),d=async()=>{if(clearTimeout(n.current),document.hidden)return;let p=Ee;try{let[c,v]=await Promise.all([N(`exports?site=${encodeURIComponent(S)}&limit=${o.current}`),N("exports/schedules")]);c.exports.some(O)&&(p=Te),l({jobs:c.exports,schedules:v.schedules.filter(R=>R.site===S),hasMore:c.next_cursor!==null,error:null})}catch(c){l(v=>({...v,error:E(c)}))}clearTimeout(n.current),n.current=setTimeout(d,p)};z(()=>{if(e)return d(),document.addEventListener("visibilitychange",d),()=>{clearTimeout(n.current),document.removeEventListener("visibilitychange",d)}},[]);let _=async(p,c,v,R)=>{r($=>new Set([...$,p]));let b=null;try{await T(c,v,R)}catch($){b=E($)}await d(),b&&l($=>({...$,error:b})),r($=>new Set([...$].filter(h=>h!==p)))},x=t.hasMore&&o.current<me?()=>{o.current=Math.min(me,o.current+pe*2),d()}:void 0;return{...t,busy:i,load:d,act:_,more:x}}export{Fe as default};
