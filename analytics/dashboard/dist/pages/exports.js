import{a as N,b as j,c as ee,d as te,e as M,f as se,g as ae,i as F,j as le,l as re,m as oe,n as q}from"../chunks/chunk-DOAR3FYV.js";import{a as Q}from"../chunks/chunk-H7AHVZYQ.js";import{a as Z}from"../chunks/chunk-AZHLYJBZ.js";import"../chunks/chunk-ZVSZOMDI.js";import{a as X}from"../chunks/chunk-4VP735K2.js";import{Aa as K,Ba as L,C as V,Ca as E,Fa as t,Ga as ne,I as Y,La as ie,Ma as B,Na as O,Ra as U,U as w,V as G,Y as v,b as m,c as J,d as A,g as l,h as T,i as W,m as y,n as I,o as D,p as H,ra as _,z as g}from"../chunks/chunk-UMTCUHV3.js";var C=e=>e.state==="queued"||e.state==="running";function de({jobs:e,busy:a,cancel:s,remove:i,again:r,more:o}){return l`<section class="card panel" aria-label=${t("filesTitle")}>
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
      <div class="job-facts"><span>${q(e.request).join(" · ")}</span>
        <span>${t(e.schedule_id?"orderedBySchedule":"orderedAt",{time:w(e.created_at)})}</span></div>
      <${he} job=${e} />
      <${ve} job=${e} />
    </div>
    <div class="job-tools">
      ${e.state==="done"&&l`<a class="btn" href=${ie(`exports/${e.id}/download`)}
        download=${e.file_name}><${v} name="download" />${t("download")}</a>`}
      ${C(e)&&l`<button class="btn" disabled=${a} onClick=${()=>s(e)}>${t("cancelJob")}
        </button>`}
      ${["failed","cancelled","expired"].includes(e.state)&&l`<button class="btn" disabled=${a}
        onClick=${()=>r(e)}><${v} name="repeat" />${t("orderAgain")}</button>`}
      ${!C(e)&&l`<button class="iconbtn" disabled=${a}
        aria-label=${t("deleteFile",{name:e.file_name})} title=${t("deleteWord")} onClick=${()=>i(e)}>
        <${v} name="trash" /></button>`}
    </div>
  </div>`}function he({job:e}){let{progress:a}=e;if(C(e)){let s=a.rows_estimate===null?g(a.rows_done):t("rowsOf",{n:g(a.rows_done),all:g(a.rows_estimate)});return l`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${a.percent} aria-label=${e.file_name}><span style=${{"--w":a.percent+"%"}}>
      </span></div>
      <div class="job-facts num">
        <span>${V(a.percent/100)}</span>
        ${e.state==="running"&&l`<span>${t("rowsCount",{n:s},a.rows_done)}</span>`}
        ${a.eta_s!==null&&l`<span>${t("etaLeft",{time:Y(a.eta_s)})}
          </span>`}${e.attempt>1&&l`<span>${t("attemptCount",{n:e.attempt})}</span>`}</div>
      ${e.error&&l`<div class="job-error">${e.error}</div>`}`}return e.state==="failed"?l`<div class="job-error">${e.error??t("failedText")}</div>`:e.state!=="done"?l`<div
    class="job-facts">${t(e.state==="expired"?"expiredText":"cancelledText")}</div>`:l`<div class="job-facts num"><span>${t("rowsCount",{n:g(e.rows)},e.rows??0)}</span><span
    title=${g(e.bytes)}>${G(e.bytes)}</span>
    ${e.expires_at&&l`<span>${t("keptUntil",{time:w(e.expires_at)})}</span>`}
    ${e.sha256&&l`<span class="sum"><abbr title=${e.sha256}>SHA-256 ${e.sha256.slice(0,10)}…</abbr>
      <${Z} kind="iconbtn tiny" text=${e.sha256} label=${"SHA-256 "+e.file_name} /></span>`}</div>`}function ve({job:e}){let{callback:a}=e;if(!a)return null;let s=a.last_status!==null?t("callbackStatus",{status:a.last_status}):a.last_error?t("callbackError",{error:be(a.last_error)}):"",i=a.state==="delivered"?a.delivered_at:a.next_attempt_at,r=a.state==="failed"||a.state==="retrying";return l`<div class=${"job-facts"+(r?" job-error":"")}>
    <span>${t("callbackTo",{url:e.callback_url??""})}</span>
    <span>${t("callback_"+a.state,{time:i?w(i):"",n:a.attempts})}
      </span>${r&&s&&l`<span>${s}</span>`}</div>`}var ce={gaierror:"errorHost",TimeoutError:"errorTimeout",SSLError:"errorTls",SSLCertVerificationError:"errorTls"},be=e=>ce[e]?t(ce[e]):e;var z="order-form";function $e({ordered:e,changed:a}){let[s,i]=m(ae),[r,o]=m(null),[n,d]=m(!1),[f,S]=m(!1),p=U(s.what==="users",()=>import("../chunks/group_fields-XNSCHOR5.js")),c=U(f,()=>import("../chunks/preview-PSASME67.js")),$=h=>{i(x=>({...x,...h})),a()},k=async h=>{h.preventDefault(),d(!0),o(null);try{let x=le(s);s.every?await O("POST","exports/schedules?site="+encodeURIComponent(T),{every:s.every,at:s.at,request:x}):await O("POST","exports",x),e(!!s.every)}catch(x){o(E(x))}d(!1)},u=(s.what==="events"&&y("read")||s.what==="users")&&(s.what==="users"||!s.where);return l`<section class="card pad order" aria-label=${t("orderTitle")}><h2 class="card-title">${t("orderTitle")}
    </h2>
    <form id=${z} onSubmit=${k}>
      <div class="fields"><${ye} order=${s} set=${$} /><${we} order=${s} set=${$} /></div>
      ${s.what==="users"&&p&&l`<${p.GroupFields} order=${s} set=${$} Choice=${b} />`}
      <div class="fields"><${xe} order=${s} set=${$} /></div>
      <${ge} order=${s} set=${$} />
    </form>
    ${F(s).hasWhere&&l`<${Q} state=${oe(s)}
      change=${h=>$({where:h})} />`}
    ${N[s.what]&&l`<${_e} order=${s} set=${$} />`}
    <details class="more-fields"><summary>${t("callbackTitle")}</summary><p class="muted">${t("callbackText")}</p>
      <label class="field">${t("callbackUrl")}<input form=${z} type="url" value=${s.callback}
        placeholder="https://example.com/exported"
        onInput=${h=>$({callback:h.target.value.trim()})} /></label></details>
    <${L} error=${r} />
    <div class="order-foot">
      ${u&&l`<button class="btn" aria-pressed=${f} onClick=${()=>S(!f)}>
        <${v} name="table" />${t(f?"previewHide":"preview")}</button>`}
      ${s.where&&!u&&l`<span class="muted">${t("previewFiltered")}</span>`}
      <span class="push"></span><button form=${z} class="btn primary"
        disabled=${n}>${t(s.every?"orderSchedule":"orderFile")}</button></div>
    ${f&&u&&(c?l`<${c.Preview} order=${s} />`:l`<div
      class="skeleton preview-sk"></div>`)}
  </section>`}var b=({label:e,value:a,options:s,choose:i,isOff:r})=>l`<label class="field">${e}<select value=${a}
  disabled=${r} onChange=${o=>i(o.target.value)}>
  ${s.map(([o,n])=>l`<option key=${o} value=${o}>${n}</option>`)}</select></label>`,R=(e,a)=>a.map(s=>[s,t(e+s)]);function ye({order:e,set:a}){let{units:s}=F(e),i=r=>a({report:r,unit:M[r].units.includes(e.unit)?e.unit:M[r].units[0]??"day"});return l`<${b} label=${t("whatField")} value=${e.what}
    options=${R("what_",["events","report","samples","users"])}
      choose=${r=>a({what:r,columns:[],bots:r==="events",types:"",names:"",where:"",group:"all",users:{},...r==="users"&&e.period==="all"&&{period:"28d"}})} />
    ${e.what==="report"&&l`<${b} label=${t("reportField")} value=${e.report}
      options=${R("report_",Object.keys(M))} choose=${i} />`}
    ${e.what==="report"&&e.report==="breakdown"&&l`<${b} label=${t("dimensionField")}
      value=${e.dimension} options=${se.map(r=>[r,ne(r)])} choose=${r=>a({dimension:r})} />`}
    ${s.length>0&&l`<${b} label=${t("unitField")} value=${e.unit} options=${R("unit_",s)}
      choose=${r=>a({unit:r})} />`}`}function we({order:e,set:a}){let s=ee.includes(e.format);return l`<${b} label=${t("formatField")} value=${e.format} options=${R("format_",j)}
    choose=${i=>a({format:i})} />
    <${b} label=${t("compressionField")} value=${s?e.compression:"none"} isOff=${!s}
      options=${[["none",t("compression_none")],["gzip","gzip"],["zstd","zstd"]]} choose=${i=>a({compression:i})} />`}function xe({order:e,set:a}){let s=n=>n.target.value,i=n=>a(n&&e.group==="cohort"?{every:n,group:"all",users:{}}:{every:n}),r=e.what==="users"?[]:[["all",t("periodAll")]],o=n=>a(n==="custom"?{period:n,from:e.from||D(I(),-27),to:e.to||I()}:{period:n});return l`
    ${y("write")&&l`<${b} label=${t("everyField")} value=${e.every}
      options=${[["",t("everyOnce")],...R("every_",te)]} choose=${i} />`}
    ${e.every?l`<label class="field">${t("atField",{zone:W})}<input type="time" required
      value=${e.at} onInput=${n=>a({at:s(n)})} /></label>
      <p class="muted wide">${t(e.what==="users"?"everyUsersText":"everyText")}</p>`:F(e).hasPeriod&&l`<${b} label=${t("period")} value=${e.period}
      options=${[...r,...H.map(n=>[n.name,t(n.name)]),["custom",t("periodCustom")]]} choose=${o} />
      ${e.period==="custom"&&l`<label class="field">${t("from")}<input type="date" required
        max=${e.to||I()} value=${e.from}
        onInput=${n=>a({from:s(n)})} /></label>
        <label class="field">${t("to")}<input type="date" required min=${e.from} value=${e.to}
          onInput=${n=>a({to:s(n)})} /></label>`}`}`}function ge({order:e,set:a}){let{hasTypes:s,hasBots:i}=F(e),r=o=>o.target.value;return!s&&!i&&e.what!=="samples"?null:l`<div class="fields">
      ${s&&l`<label class="field">${t("typesField")}<input value=${e.types}
        placeholder="page_view, signup" onInput=${o=>a({types:r(o)})} />
        </label>`}
      ${e.what==="samples"&&l`<label class="field">${t("namesField")}<input value=${e.names}
        placeholder="web_vital.lcp, load" onInput=${o=>a({names:r(o)})} />
        </label>`}
      ${i&&l`<label class="check"><input type="checkbox" checked=${e.bots}
        onChange=${o=>a({bots:o.target.checked})} />${t("botsField")}</label>`}
    </div>`}function _e({order:e,set:a}){let s=N[e.what],i=e.columns.length?e.columns:s,r=o=>{let n=i.includes(o)?i.filter(d=>d!==o):s.filter(d=>d===o||i.includes(d));n.length&&a({columns:n.length===s.length?[]:n})};return l`<details class="more-fields">
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
      <div class="job-facts"><span>${q(e.request).join(" · ")}</span></div>
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
  </div>`}var pe=20,me=200,ke=1500,Te=2e4;function Ee({pages:e}){let a=y("export"),s=Fe(a),[i,r]=m(null),[o,n]=m(""),d=c=>r({text:t("deleteFileText",{name:c.file_name}),run:()=>s.act(c.id,"DELETE",`exports/${c.id}`)}),f=c=>r({text:t("deleteScheduleText"),run:()=>s.act(c.id,"DELETE",`exports/schedules/${c.id}`)}),S=c=>{n(t(c?"scheduledSaid":"orderedSaid")),s.load()},p=!a||s.jobs!==null&&s.schedules!==null||s.error!==null;return l`<${K} pages=${e} name="exports" title=${t("exports")} intro=${t("exportsIntro")}
    isReady=${p}>
    ${a?l`
      <${$e} ordered=${S} changed=${()=>n("")} />
      <div class="said" role="status">${o}</div>
      <${L} error=${s.error} retry=${s.load} />
      <${de} jobs=${s.jobs} busy=${s.busy} more=${s.more} remove=${d}
        cancel=${c=>s.act(c.id,"DELETE",`exports/${c.id}`)}
        again=${c=>s.act(c.id,"POST","exports",re(c.request,c.callback_url))} />
      <${ue} schedules=${s.schedules} busy=${s.busy} remove=${f}
        pause=${c=>s.act(c.id,"PATCH",`exports/schedules/${c.id}`,{enabled:!c.enabled})}
        run=${c=>s.act(c.id,"POST",`exports/schedules/${c.id}/run-now`)} />`:l`<div class="card"><${_} title=${t("noExport")}>${t("noExportText")}<//></div>`}
    ${i&&l`<${X} title=${t("deleteWord")} text=${i.text} yes=${t("deleteWord")}
      confirm=${()=>{i.run(),r(null)}} close=${()=>r(null)} />`}
  <//>`}function Fe(e){let[a,s]=m({jobs:null,schedules:null,hasMore:!1,error:null}),[i,r]=m(()=>new Set),o=A(0),n=A(pe),d=async()=>{if(clearTimeout(o.current),document.hidden)return;let p=Te;try{let[c,$]=await Promise.all([B(`exports?site=${encodeURIComponent(T)}&limit=${n.current}`),B("exports/schedules")]);c.exports.some(C)&&(p=ke),s({jobs:c.exports,schedules:$.schedules.filter(k=>k.site===T),hasMore:c.next_cursor!==null,error:null})}catch(c){s($=>({...$,error:E(c)}))}clearTimeout(o.current),o.current=setTimeout(d,p)};J(()=>{if(e)return d(),document.addEventListener("visibilitychange",d),()=>{clearTimeout(o.current),document.removeEventListener("visibilitychange",d)}},[]);let f=async(p,c,$,k)=>{r(u=>new Set([...u,p]));let P=null;try{await O(c,$,k)}catch(u){P=E(u)}await d(),P&&s(u=>({...u,error:P})),r(u=>new Set([...u].filter(h=>h!==p)))},S=a.hasMore&&n.current<me?()=>{n.current=Math.min(me,n.current+pe*2),d()}:void 0;return{...a,busy:i,load:d,act:f,more:S}}export{Ee as default};
