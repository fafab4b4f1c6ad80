import{a as A,b as X,c as j,d as ee,e as L,f as te,g as se,i as E,j as ae,l as le,m as re,n as M}from"../chunks/chunk-6JBVTZYY.js";import{a as K}from"../chunks/chunk-XXSBBGVO.js";import{a as G}from"../chunks/chunk-7H5754SB.js";import"../chunks/chunk-TC7YUOID.js";import{a as Q}from"../chunks/chunk-7U3V63LF.js";import{Aa as Z,Ba as I,C as H,Ca as T,Fa as s,Ga as oe,I as V,La as ne,Ma as N,Na as F,Ra as B,U as w,V as Y,Y as m,b as p,c as z,d as q,g as a,h as k,i as J,m as y,n as P,o as W,p as D,ra as _,z as g}from"../chunks/chunk-7Z6IC6P2.js";var O=e=>e.state==="queued"||e.state==="running";function ce({jobs:e,busy:t,cancel:l,remove:c,again:r,more:o}){return a`<section class="card panel" aria-label=${s("filesTitle")}>
    <div class="tabs"><h2 class="tab on">${s("filesTitle")}</h2></div>
    ${e?e.length?a`<ul class="jobs">
      ${e.map(i=>a`<li key=${i.id}><${me} job=${i} isBusy=${t.has(i.id)} cancel=${l}
        remove=${c} again=${r} /></li>`)}</ul>`:a`<${_}
      title=${s("filesEmpty")}>${s("filesEmptyText")}<//>`:a`<div class="skeleton map-sk"></div>`}
    ${o&&a`<div class="panel-foot"><button class="more" onClick=${o}>${s("showMore")}</button></div>`}
  </section>`}function me({job:e,isBusy:t,cancel:l,remove:c,again:r}){return a`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${e.file_name}</b><span
        class=${"state "+e.state}>${s("state_"+e.state)}</span></div>
      <div class="job-facts"><span>${M(e.request).join(" · ")}</span>
        <span>${s(e.schedule_id?"orderedBySchedule":"orderedAt",{time:w(e.created_at)})}</span></div>
      <${fe} job=${e} />
      <${he} job=${e} />
    </div>
    <div class="job-tools">
      ${e.state==="done"&&a`<a class="btn" href=${ne(`exports/${e.id}/download`)}
        download=${e.file_name}><${m} name="download" />${s("download")}</a>`}
      ${O(e)&&a`<button class="btn" disabled=${t} onClick=${()=>l(e)}>${s("cancelJob")}
        </button>`}
      ${["failed","cancelled","expired"].includes(e.state)&&a`<button class="btn" disabled=${t}
        onClick=${()=>r(e)}><${m} name="repeat" />${s("orderAgain")}</button>`}
      ${!O(e)&&a`<button class="iconbtn" disabled=${t}
        aria-label=${s("deleteFile",{name:e.file_name})} title=${s("deleteWord")} onClick=${()=>c(e)}>
        <${m} name="trash" /></button>`}
    </div>
  </div>`}function fe({job:e}){let{progress:t}=e;if(O(e)){let l=t.rows_estimate===null?g(t.rows_done):s("rowsOf",{n:g(t.rows_done),all:g(t.rows_estimate)});return a`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${t.percent} aria-label=${e.file_name}><span style=${{"--w":t.percent+"%"}}>
      </span></div>
      <div class="job-facts num">
        <span>${H(t.percent/100)}</span>
        ${e.state==="running"&&a`<span>${s("rowsCount",{n:l},t.rows_done)}</span>`}
        ${t.eta_s!==null&&a`<span>${s("etaLeft",{time:V(t.eta_s)})}
          </span>`}${e.attempt>1&&a`<span>${s("attemptCount",{n:e.attempt})}</span>`}</div>
      ${e.error&&a`<div class="job-error">${e.error}</div>`}`}return e.state==="failed"?a`<div class="job-error">${e.error??s("failedText")}</div>`:e.state!=="done"?a`<div
    class="job-facts">${s(e.state==="expired"?"expiredText":"cancelledText")}</div>`:a`<div class="job-facts num"><span>${s("rowsCount",{n:g(e.rows)},e.rows??0)}</span><span
    title=${g(e.bytes)}>${Y(e.bytes)}</span>
    ${e.expires_at&&a`<span>${s("keptUntil",{time:w(e.expires_at)})}</span>`}
    ${e.sha256&&a`<span class="sum"><abbr title=${e.sha256}>SHA-256 ${e.sha256.slice(0,10)}…</abbr>
      <${G} kind="iconbtn tiny" text=${e.sha256} label=${"SHA-256 "+e.file_name} /></span>`}</div>`}function he({job:e}){let{callback:t}=e;if(!t)return null;let l=t.last_status!==null?s("callbackStatus",{status:t.last_status}):t.last_error?s("callbackError",{error:ve(t.last_error)}):"",c=t.state==="delivered"?t.delivered_at:t.next_attempt_at,r=t.state==="failed"||t.state==="retrying";return a`<div class=${"job-facts"+(r?" job-error":"")}>
    <span>${s("callbackTo",{url:e.callback_url??""})}</span>
    <span>${s("callback_"+t.state,{time:c?w(c):"",n:t.attempts})}
      </span>${r&&l&&a`<span>${l}</span>`}</div>`}var ie={gaierror:"errorHost",TimeoutError:"errorTimeout",SSLError:"errorTls",SSLCertVerificationError:"errorTls"},ve=e=>ie[e]?s(ie[e]):e;var U="order-form";function de({ordered:e}){let[t,l]=p(se),[c,r]=p(null),[o,i]=p(!1),[d,S]=p(!1),x=B(t.what==="users",()=>import("../chunks/group_fields-4F2BDBE2.js")),u=B(d,()=>import("../chunks/preview-A7V3X4K4.js")),n=$=>l(h=>({...h,...$})),v=async $=>{$.preventDefault(),i(!0),r(null);try{let h=ae(t);t.every?await F("POST","exports/schedules?site="+encodeURIComponent(k),{every:t.every,at:t.at,request:h}):await F("POST","exports",h),e(!!t.every)}catch(h){r(T(h))}i(!1)},b=(t.what==="events"&&y("read")||t.what==="users")&&(t.what==="users"||!t.where);return a`<section class="card pad order" aria-label=${s("orderTitle")}><h2 class="card-title">${s("orderTitle")}
    </h2>
    <form id=${U} onSubmit=${v}>
      <div class="fields"><${be} order=${t} set=${n} /><${ye} order=${t} set=${n} /></div>
      ${t.what==="users"&&x&&a`<${x.GroupFields} order=${t} set=${n} Choice=${f} />`}
      <div class="fields"><${we} order=${t} set=${n} /></div>
      <${xe} order=${t} set=${n} />
    </form>
    ${E(t).hasWhere&&a`<${K} state=${re(t)}
      change=${$=>n({where:$})} />`}
    ${A[t.what]&&a`<${ge} order=${t} set=${n} />`}
    <details class="more-fields"><summary>${s("callbackTitle")}</summary><p class="muted">${s("callbackText")}</p>
      <label class="field">${s("callbackUrl")}<input form=${U} type="url" value=${t.callback}
        placeholder="https://example.com/exported"
        onInput=${$=>n({callback:$.target.value.trim()})} /></label></details>
    <${I} error=${c} />
    <div class="order-foot">
      ${b&&a`<button class="btn" aria-pressed=${d} onClick=${()=>S(!d)}>
        <${m} name="table" />${s(d?"previewHide":"preview")}</button>`}
      ${t.where&&!b&&a`<span class="muted">${s("previewFiltered")}</span>`}
      <span class="push"></span><button form=${U} class="btn primary"
        disabled=${o}>${s(t.every?"orderSchedule":"orderFile")}</button></div>
    ${d&&b&&(u?a`<${u.Preview} order=${t} />`:a`<div
      class="skeleton preview-sk"></div>`)}
  </section>`}var f=({label:e,value:t,options:l,choose:c,isOff:r})=>a`<label class="field">${e}<select value=${t}
  disabled=${r} onChange=${o=>c(o.target.value)}>
  ${l.map(([o,i])=>a`<option key=${o} value=${o}>${i}</option>`)}</select></label>`,C=(e,t)=>t.map(l=>[l,s(e+l)]);function be({order:e,set:t}){let{units:l}=E(e),c=r=>t({report:r,unit:L[r].units.includes(e.unit)?e.unit:L[r].units[0]??"day"});return a`<${f} label=${s("whatField")} value=${e.what}
    options=${C("what_",["events","report","samples","users"])}
      choose=${r=>t({what:r,columns:[],bots:r==="events",types:"",names:"",where:"",group:"all",users:{},...r==="users"&&e.period==="all"&&{period:"28d"}})} />
    ${e.what==="report"&&a`<${f} label=${s("reportField")} value=${e.report}
      options=${C("report_",Object.keys(L))} choose=${c} />`}
    ${e.what==="report"&&e.report==="breakdown"&&a`<${f} label=${s("dimensionField")}
      value=${e.dimension} options=${te.map(r=>[r,oe(r)])} choose=${r=>t({dimension:r})} />`}
    ${l.length>0&&a`<${f} label=${s("unitField")} value=${e.unit} options=${C("unit_",l)}
      choose=${r=>t({unit:r})} />`}`}function ye({order:e,set:t}){let l=j.includes(e.format);return a`<${f} label=${s("formatField")} value=${e.format} options=${C("format_",X)}
    choose=${c=>t({format:c})} />
    <${f} label=${s("compressionField")} value=${l?e.compression:"none"} isOff=${!l}
      options=${[["none",s("compression_none")],["gzip","gzip"],["zstd","zstd"]]} choose=${c=>t({compression:c})} />`}function we({order:e,set:t}){let l=i=>i.target.value,c=i=>t(i&&e.group==="cohort"?{every:i,group:"all",users:{}}:{every:i}),r=e.what==="users"?[]:[["all",s("periodAll")]],o=i=>t(i==="custom"?{period:i,from:e.from||W(P(),-27),to:e.to||P()}:{period:i});return a`
    ${y("write")&&a`<${f} label=${s("everyField")} value=${e.every}
      options=${[["",s("everyOnce")],...C("every_",ee)]} choose=${c} />`}
    ${e.every?a`<label class="field">${s("atField",{zone:J})}<input type="time" required
      value=${e.at} onInput=${i=>t({at:l(i)})} /></label>
      <p class="muted wide">${s(e.what==="users"?"everyUsersText":"everyText")}</p>`:E(e).hasPeriod&&a`<${f} label=${s("period")} value=${e.period}
      options=${[...r,...D.map(i=>[i.name,s(i.name)]),["custom",s("periodCustom")]]} choose=${o} />
      ${e.period==="custom"&&a`<label class="field">${s("from")}<input type="date" required
        max=${e.to||P()} value=${e.from}
        onInput=${i=>t({from:l(i)})} /></label>
        <label class="field">${s("to")}<input type="date" required min=${e.from} value=${e.to}
          onInput=${i=>t({to:l(i)})} /></label>`}`}`}function xe({order:e,set:t}){let{hasTypes:l,hasBots:c}=E(e),r=o=>o.target.value;return!l&&!c&&e.what!=="samples"?null:a`<div class="fields">
      ${l&&a`<label class="field">${s("typesField")}<input value=${e.types}
        placeholder="page_view, signup" onInput=${o=>t({types:r(o)})} />
        </label>`}
      ${e.what==="samples"&&a`<label class="field">${s("namesField")}<input value=${e.names}
        placeholder="web_vital.lcp, load" onInput=${o=>t({names:r(o)})} />
        </label>`}
      ${c&&a`<label class="check"><input type="checkbox" checked=${e.bots}
        onChange=${o=>t({bots:o.target.checked})} />${s("botsField")}</label>`}
    </div>`}function ge({order:e,set:t}){let l=A[e.what],c=e.columns.length?e.columns:l,r=o=>{let i=c.includes(o)?c.filter(d=>d!==o):l.filter(d=>d===o||c.includes(d));i.length&&t({columns:i.length===l.length?[]:i})};return a`<details class="more-fields">
    <summary>${s("columnsTitle",{n:e.columns.length||l.length,all:l.length})}</summary>
    <div class="checks" role="group" aria-label=${s("columnsName")}>${l.map(o=>a`<label class="check"
      key=${o}><input type="checkbox" checked=${c.includes(o)} onChange=${()=>r(o)} />${o}
      </label>`)}</div>
    ${e.columns.length>0&&a`<button class="text-btn" onClick=${()=>t({columns:[]})}>${s("columnsAll")}
      </button>`}</details>`}function $e({schedules:e,busy:t,pause:l,run:c,remove:r}){return a`<section class="card panel" aria-label=${s("schedulesTitle")}>
    <div class="tabs"><h2 class="tab on">${s("schedulesTitle")}</h2></div>
    ${e?e.length?a`<ul class="jobs">
      ${e.map(o=>a`<li key=${o.id}><${_e} one=${o} isBusy=${t.has(o.id)}
        pause=${l} run=${c} remove=${r} /></li>`)}</ul>`:a`<${_}
      title=${s("schedulesEmpty")}>${s("schedulesEmptyText")}<//>`:a`<div class="skeleton preview-sk"></div>`}
  </section>`}function _e({one:e,isBusy:t,pause:l,run:c,remove:r}){let o=s("scheduleName",{every:s("every_"+e.every),at:e.at,zone:e.zone});return a`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${o}</b><span
        class=${"state "+(e.enabled?"running":"cancelled")}>${s(e.enabled?"scheduleOn":"schedulePaused")}
        </span></div>
      <div class="job-facts"><span>${M(e.request).join(" · ")}</span></div>
      <div class="job-facts">${e.enabled&&a`<span>${s("nextRun",{time:w(e.next_run_at)})}</span>`}
        <span>${e.complete_through?s("filesThrough",{time:w(e.complete_through)}):s("filesNone")}</span>
        ${e.request.callback_url&&a`<span>${s("callbackTo",{url:e.request.callback_url})}</span>`}</div>
      ${e.waits_for&&a`<div class="job-error">${s("waitsFor",{reason:e.waits_for})}</div>`}
    </div>
    ${y("write")&&a`<div class="job-tools">
      <button class="btn" disabled=${t} onClick=${()=>c(e)}>${s("runNow")}</button>
      <button class="iconbtn" disabled=${t} aria-label=${`${s(e.enabled?"pause":"resume")}: ${o}`}
        title=${s(e.enabled?"pause":"resume")} onClick=${()=>l(e)}><${m}
        name=${e.enabled?"pause":"play"} /></button>
      <button class="iconbtn" disabled=${t} aria-label=${s("deleteFile",{name:o})} title=${s("deleteWord")}
        onClick=${()=>r(e)}><${m} name="trash" /></button></div>`}
  </div>`}var ue=20,pe=200,Se=1500,ke=2e4;function Te({pages:e}){let t=y("export"),l=Ee(t),[c,r]=p(null),[o,i]=p(""),d=n=>r({text:s("deleteFileText",{name:n.file_name}),run:()=>l.act(n.id,"DELETE",`exports/${n.id}`)}),S=n=>r({text:s("deleteScheduleText"),run:()=>l.act(n.id,"DELETE",`exports/schedules/${n.id}`)}),x=n=>{i(s(n?"scheduledSaid":"orderedSaid")),l.load()},u=!t||l.jobs!==null&&l.schedules!==null||l.error!==null;return a`<${Z} pages=${e} name="exports" title=${s("exports")} intro=${s("exportsIntro")}
    isReady=${u}>
    ${t?a`
      <${de} ordered=${x} />
      <div class="said" role="status">${o}</div>
      <${I} error=${l.error} retry=${l.load} />
      <${ce} jobs=${l.jobs} busy=${l.busy} more=${l.more} remove=${d}
        cancel=${n=>l.act(n.id,"DELETE",`exports/${n.id}`)}
        again=${n=>l.act(n.id,"POST","exports",le(n.request,n.callback_url))} />
      <${$e} schedules=${l.schedules} busy=${l.busy} remove=${S}
        pause=${n=>l.act(n.id,"PATCH",`exports/schedules/${n.id}`,{enabled:!n.enabled})}
        run=${n=>l.act(n.id,"POST",`exports/schedules/${n.id}/run-now`)} />`:a`<div class="card"><${_} title=${s("noExport")}>${s("noExportText")}<//></div>`}
    ${c&&a`<${Q} title=${s("deleteWord")} text=${c.text} yes=${s("deleteWord")}
      confirm=${()=>{c.run(),r(null)}} close=${()=>r(null)} />`}
  <//>`}function Ee(e){let[t,l]=p({jobs:null,schedules:null,hasMore:!1,error:null}),[c,r]=p(()=>new Set),o=q(0),i=q(ue),d=async()=>{if(clearTimeout(o.current),document.hidden)return;let u=ke;try{let[n,v]=await Promise.all([N(`exports?site=${encodeURIComponent(k)}&limit=${i.current}`),N("exports/schedules")]);n.exports.some(O)&&(u=Se),l({jobs:n.exports,schedules:v.schedules.filter(R=>R.site===k),hasMore:n.next_cursor!==null,error:null})}catch(n){l(v=>({...v,error:T(n)}))}clearTimeout(o.current),o.current=setTimeout(d,u)};z(()=>{if(e)return d(),document.addEventListener("visibilitychange",d),()=>{clearTimeout(o.current),document.removeEventListener("visibilitychange",d)}},[]);let S=async(u,n,v,R)=>{r($=>new Set([...$,u]));let b=null;try{await F(n,v,R)}catch($){b=T($)}await d(),b&&l($=>({...$,error:b})),r($=>new Set([...$].filter(h=>h!==u)))},x=t.hasMore&&i.current<pe?()=>{i.current=Math.min(pe,i.current+ue*2),d()}:void 0;return{...t,busy:c,load:d,act:S,more:x}}export{Te as default};
