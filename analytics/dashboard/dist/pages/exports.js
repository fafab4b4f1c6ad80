import{a as B,b as ee,c as te,d as se,e as U,f as ae,g as le,i as P,j as oe,l as ne,m as re,n as A}from"../chunks/chunk-4S2CPGMP.js";import{i as Y,j as Z}from"../chunks/chunk-I2VVWF65.js";import{a as Q}from"../chunks/chunk-A5U2TSN4.js";import{a as X}from"../chunks/chunk-Y7EYQBAI.js";import{a as K,b as q,c as R}from"../chunks/chunk-QHLV3KUV.js";import{$ as v,D as H,E as O,F as C,I as D,K as T,P as G,X as _,Y as V,b as m,c as k,ca as E,e as N,h as l,i as y,j as J,l as w,ma as s,n as x,na as j,o as M,q as W}from"../chunks/chunk-2COELKPF.js";var I=e=>e.state==="queued"||e.state==="running";function ce({jobs:e,busy:t,cancel:a,remove:r,again:n,more:o}){return l`<section class="card panel" aria-label=${s("filesTitle")}>
    <div class="tabs"><h2 class="tab on">${s("filesTitle")}</h2></div>
    ${e?e.length?l`<ul class="jobs">
      ${e.map(i=>l`<li key=${i.id}><${ve} job=${i} isBusy=${t.has(i.id)} cancel=${a}
        remove=${r} again=${n} /></li>`)}</ul>`:l`<${E}
      title=${s("filesEmpty")}>${s("filesEmptyText")}<//>`:l`<div class="skeleton map-sk"></div>`}
    ${o&&l`<div class="panel-foot"><button class="more" onClick=${o}>${s("showMore")}</button></div>`}
  </section>`}function ve({job:e,isBusy:t,cancel:a,remove:r,again:n}){return l`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${e.file_name}</b><span
        class=${"state "+e.state}>${s("state_"+e.state)}</span></div>
      <div class="job-facts"><span>${A(e.request).join(" · ")}</span>
        <span>${s(e.schedule_id?"orderedBySchedule":"orderedAt",{time:_(e.created_at)})}</span></div>
      <${be} job=${e} />
      <${ge} job=${e} />
    </div>
    <div class="job-tools">
      ${e.state==="done"&&l`<a class="btn" href=${H(`exports/${e.id}/download`)}
        download=${e.file_name}><${v} name="download" />${s("download")}</a>`}
      ${I(e)&&l`<button class="btn" disabled=${t} onClick=${()=>a(e)}>${s("cancelJob")}
        </button>`}
      ${["failed","cancelled","expired"].includes(e.state)&&l`<button class="btn" disabled=${t}
        onClick=${()=>n(e)}><${v} name="repeat" />${s("orderAgain")}</button>`}
      ${!I(e)&&l`<button class="iconbtn" disabled=${t}
        aria-label=${s("deleteFile",{name:e.file_name})} title=${s("deleteWord")} onClick=${()=>r(e)}>
        <${v} name="trash" /></button>`}
    </div>
  </div>`}function be({job:e}){let{progress:t}=e;if(I(e)){let a=t.rows_estimate===null?T(t.rows_done):s("rowsOf",{n:T(t.rows_done),all:T(t.rows_estimate)});return l`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${t.percent} aria-label=${e.file_name}><span style=${{"--w":t.percent+"%"}}>
      </span></div>
      <div class="job-facts num">
        <span>${t.percent} %</span>
        ${e.state==="running"&&l`<span>${s("rowsCount",{n:a},t.rows_done)}</span>`}
        ${t.eta_s!==null&&l`<span>${s("etaLeft",{time:G(t.eta_s)})}
          </span>`}${e.attempt>1&&l`<span>${s("attemptCount",{n:e.attempt})}</span>`}</div>
      ${e.error&&l`<div class="job-error">${e.error}</div>`}`}return e.state==="failed"?l`<div class="job-error">${e.error??s("failedText")}</div>`:e.state!=="done"?l`<div
    class="job-facts">${s(e.state==="expired"?"expiredText":"cancelledText")}</div>`:l`<div class="job-facts num"><span>${s("rowsCount",{n:T(e.rows)},e.rows??0)}</span><span
    title=${T(e.bytes)}>${V(e.bytes)}</span>
    ${e.expires_at&&l`<span>${s("keptUntil",{time:_(e.expires_at)})}</span>`}
    ${e.sha256&&l`<span class="sum"><abbr title=${e.sha256}>SHA-256 ${e.sha256.slice(0,10)}…</abbr>
      <${X} kind="iconbtn tiny" text=${e.sha256} label=${"SHA-256 "+e.file_name} /></span>`}</div>`}function ge({job:e}){let{callback:t}=e;if(!t)return null;let a=t.last_status!==null?s("callbackStatus",{status:t.last_status}):t.last_error?s("callbackError",{error:ye(t.last_error)}):"",r=t.state==="delivered"?t.delivered_at:t.next_attempt_at,n=t.state==="failed"||t.state==="retrying";return l`<div class=${"job-facts"+(n?" job-error":"")}>
    <span>${s("callbackTo",{url:e.callback_url??""})}</span>
    <span>${s("callback_"+t.state,{time:r?_(r):"",n:t.attempts})}
      </span>${n&&a&&l`<span>${a}</span>`}</div>`}var ie={gaierror:"errorHost",TimeoutError:"errorTimeout",SSLError:"errorTls",SSLCertVerificationError:"errorTls"},ye=e=>ie[e]?s(ie[e]):e;var we=["all","funnel","cohort","goal"];function $e({order:e,set:t,Choice:a}){let{group:r}=e,n=we.filter(u=>u!=="cohort"||!e.every),o=u=>t({group:u,users:_e[u]}),i=u=>t({users:{...e.users,...u}}),$={users:e.users,change:i,Choice:a};return l`<div class="fields">
    <${a} label=${s("groupField")} value=${r} options=${n.map(u=>[u,s(`group_${u}`)])} choose=${o} />
    ${r==="funnel"&&l`<${Se} ...${$} />`}
    ${r==="cohort"&&l`<${ke} ...${$} />`}
    ${r==="goal"&&l`<${Te} ...${$} />`}
  </div>`}function xe(){let e=(new Date(x()).getUTCDay()+6)%7;return M(x(),-e-7)}var _e={all:{},funnel:{funnel:"",step:"1",reached:"true"},cohort:{cohort:xe(),unit:"week",offset:"0"},goal:{goal:"",exposure_type:"",variant_property:"payload.variant",variant:"",converted:""}},F=({label:e,name:t,type:a="text",placeholder:r,users:n,change:o})=>l`<label class="field">${e}<input
  type=${a} required min=${a==="number"?0:void 0} value=${n[t]} placeholder=${r}
  onInput=${i=>o({[t]:i.target.value.trim()})} /></label>`;function ue(e,t){let[a,r]=m(null);return k(()=>{let n=new AbortController;return O(`${e}?site=${encodeURIComponent(y)}`,n.signal).then(o=>r(t(o)),()=>{}),()=>n.abort()},[]),a}function Se({users:e,change:t,Choice:a}){let r=ue("../v1/funnels/",u=>u.data),n=r?.find(u=>u.id===e.funnel)?.steps??[],o=Number(e.step)>=n.length,i=r?.[0]?.id;k(()=>{i&&!e.funnel&&t({funnel:i})},[i]);let $=u=>t({step:u,reached:"true"});return r?.length===0?l`<p class="muted wide">${s("groupNoFunnel")}</p>`:l`
    <${a} label=${s("groupFunnel")} value=${e.funnel} options=${(r??[]).map(u=>[u.id,u.name])}
      choose=${u=>t({funnel:u,step:"1",reached:"true"})} />
    <${a} label=${s("groupStep")} value=${e.step} choose=${$}
      options=${n.map((u,f)=>[String(f+1),`${f+1}. ${u.name||Object.values(u.condition)[0]||""}`])} />
    <${a} label=${s("groupReached")} value=${e.reached} isOff=${o}
      options=${[["true",s("reached_true")],["dropped",s("reached_dropped")]]}
      choose=${u=>t({reached:u})} />`}function ke({Choice:e,...t}){let a=["day","week","month"].map(r=>[r,s(r+"Unit")]);return l`<${F} label=${s("groupCohort")} name="cohort" type="date" ...${t} />
    <${e} label=${s("groupUnit")} value=${t.users.unit} options=${a}
      choose=${r=>t.change({unit:r})} />
    <${F} label=${s("groupOffset")} name="offset" type="number" ...${t} />`}function Te({Choice:e,...t}){let a=ue("goals",o=>o.goals)??[],r=[["",s("converted_")],["true",s("converted_true")],["false",s("converted_false")]],n=a[0]?.id;return k(()=>{n&&!t.users.goal&&t.change({goal:n})},[n]),l`
    ${a.length?l`<${e} label=${s("goal")} value=${t.users.goal} options=${a.map(o=>[o.id,o.name])}
          choose=${o=>t.change({goal:o})} />`:l`<${F} label=${s("groupGoal")} name="goal" placeholder="order" ...${t} />`}
    <${F} label=${s("groupExposure")} name="exposure_type" placeholder="experiment_viewed" ...${t} />
    <${F} label=${s("groupProperty")} name="variant_property" placeholder="payload.variant" ...${t} />
    <${F} label=${s("groupVariant")} name="variant" placeholder="b" ...${t} />
    <${e} label=${s("groupConverted")} value=${t.users.converted} options=${r}
      choose=${o=>t.change({converted:o})} />`}var z="order-form";function de({ordered:e}){let[t,a]=m(le),[r,n]=m(null),[o,i]=m(!1),[$,u]=m(!1),f=D($,()=>import("../chunks/preview-BFH5UGJV.js")),d=h=>a(p=>({...p,...h})),c=async h=>{h.preventDefault(),i(!0),n(null);try{let p=oe(t);t.every?await C("POST","exports/schedules?site="+encodeURIComponent(y),{every:t.every,at:t.at,request:p}):await C("POST","exports",p),e(!!t.every)}catch(p){n(R(p))}i(!1)},g=(t.what==="events"&&w("read")||t.what==="users")&&(t.what==="users"||!t.where);return l`<section class="card pad order" aria-label=${s("orderTitle")}><h2 class="card-title">${s("orderTitle")}
    </h2>
    <form id=${z} onSubmit=${c}>
      <div class="fields"><${Ee} order=${t} set=${d} /><${Fe} order=${t} set=${d} /></div>
      ${t.what==="users"&&l`<${$e} order=${t} set=${d} Choice=${b} />`}
      <div class="fields"><${Oe} order=${t} set=${d} /></div>
      <${Ce} order=${t} set=${d} />
    </form>
    ${P(t).hasWhere&&l`<${Re} order=${t} set=${d} />`}
    ${B[t.what]&&l`<${Pe} order=${t} set=${d} />`}
    <details class="more-fields"><summary>${s("callbackTitle")}</summary><p class="muted">${s("callbackText")}</p>
      <label class="field">${s("callbackUrl")}<input form=${z} type="url" value=${t.callback}
        placeholder="https://example.com/exported"
        onInput=${h=>d({callback:h.target.value.trim()})} /></label></details>
    <${q} error=${r} />
    <div class="order-foot">
      ${g&&l`<button class="btn" aria-pressed=${$} onClick=${()=>u(!$)}>
        <${v} name="table" />${s($?"previewHide":"preview")}</button>`}
      ${t.where&&!g&&l`<span class="muted">${s("previewFiltered")}</span>`}
      <span class="push"></span><button form=${z} class="btn primary"
        disabled=${o}>${s(t.every?"orderSchedule":"orderFile")}</button></div>
    ${$&&g&&(f?l`<${f.Preview} order=${t} />`:l`<div
      class="skeleton preview-sk"></div>`)}
  </section>`}var b=({label:e,value:t,options:a,choose:r,isOff:n})=>l`<label class="field">${e}<select value=${t}
  disabled=${n} onChange=${o=>r(o.target.value)}>
  ${a.map(([o,i])=>l`<option key=${o} value=${o}>${i}</option>`)}</select></label>`,L=(e,t)=>t.map(a=>[a,s(e+a)]);function Ee({order:e,set:t}){let{units:a}=P(e),r=n=>t({report:n,unit:U[n].units.includes(e.unit)?e.unit:U[n].units[0]??"day"});return l`<${b} label=${s("whatField")} value=${e.what}
    options=${L("what_",["events","report","samples","users"])}
      choose=${n=>t({what:n,columns:[],bots:n==="events",types:"",names:"",where:"",group:"all",users:{},...n==="users"&&e.period==="all"&&{period:"28d"}})} />
    ${e.what==="report"&&l`<${b} label=${s("reportField")} value=${e.report}
      options=${L("report_",Object.keys(U))} choose=${r} />`}
    ${e.what==="report"&&e.report==="breakdown"&&l`<${b} label=${s("dimensionField")}
      value=${e.dimension} options=${ae.map(n=>[n,j(n)])} choose=${n=>t({dimension:n})} />`}
    ${a.length>0&&l`<${b} label=${s("unitField")} value=${e.unit} options=${L("unit_",a)}
      choose=${n=>t({unit:n})} />`}`}function Fe({order:e,set:t}){let a=te.includes(e.format);return l`<${b} label=${s("formatField")} value=${e.format} options=${L("format_",ee)}
    choose=${r=>t({format:r})} />
    <${b} label=${s("compressionField")} value=${a?e.compression:"none"} isOff=${!a}
      options=${[["none",s("compression_none")],["gzip","gzip"],["zstd","zstd"]]} choose=${r=>t({compression:r})} />`}function Oe({order:e,set:t}){let a=i=>i.target.value,r=i=>t(i&&e.group==="cohort"?{every:i,group:"all",users:{}}:{every:i}),n=e.what==="users"?[]:[["all",s("periodAll")]],o=i=>t(i==="custom"?{period:i,from:e.from||M(x(),-27),to:e.to||x()}:{period:i});return l`
    ${w("write")&&l`<${b} label=${s("everyField")} value=${e.every}
      options=${[["",s("everyOnce")],...L("every_",se)]} choose=${r} />`}
    ${e.every?l`<label class="field">${s("atField",{zone:J})}<input type="time" required
      value=${e.at} onInput=${i=>t({at:a(i)})} /></label>
      <p class="muted wide">${s(e.what==="users"?"everyUsersText":"everyText")}</p>`:P(e).hasPeriod&&l`<${b} label=${s("period")} value=${e.period}
      options=${[...n,...W.map(i=>[i.name,s(i.name)]),["custom",s("periodCustom")]]} choose=${o} />
      ${e.period==="custom"&&l`<label class="field">${s("from")}<input type="date" required
        max=${e.to||x()} value=${e.from}
        onInput=${i=>t({from:a(i)})} /></label>
        <label class="field">${s("to")}<input type="date" required min=${e.from} value=${e.to}
          onInput=${i=>t({to:a(i)})} /></label>`}`}`}function Ce({order:e,set:t}){let{hasTypes:a,hasBots:r}=P(e),n=o=>o.target.value;return!a&&!r&&e.what!=="samples"?null:l`<div class="fields">
      ${a&&l`<label class="field">${s("typesField")}<input value=${e.types}
        placeholder="page_view, signup" onInput=${o=>t({types:n(o)})} />
        </label>`}
      ${e.what==="samples"&&l`<label class="field">${s("namesField")}<input value=${e.names}
        placeholder="web_vital.lcp, load" onInput=${o=>t({names:n(o)})} />
        </label>`}
      ${r&&l`<label class="check"><input type="checkbox" checked=${e.bots}
        onChange=${o=>t({bots:o.target.checked})} />${s("botsField")}</label>`}
    </div>`}function Re({order:e,set:t}){let[a,r]=m(null),n=D(a!==null,()=>import("../chunks/filter_dialog-622S2QE4.js")),o=re(e),i=({filter:$})=>$!==void 0&&t({where:$});return l`<div class="where"><${Z} state=${o} go=${i}
    add=${()=>r({kind:"filter",index:null})} save=${()=>r({kind:"segment"})} />
    <${Y} state=${o} go=${i} edit=${$=>r({kind:"filter",index:$})} />
      </div>
    ${n&&a?.kind==="filter"&&l`<${n.default} state=${o} go=${i} index=${a.index}
      close=${()=>r(null)} />`}
    ${n&&a?.kind==="segment"&&l`<${n.SegmentDialog} state=${o} go=${i}
      close=${()=>r(null)} />`}`}function Pe({order:e,set:t}){let a=B[e.what],r=e.columns.length?e.columns:a,n=o=>{let i=r.includes(o)?r.filter($=>$!==o):a.filter($=>$===o||r.includes($));i.length&&t({columns:i.length===a.length?[]:i})};return l`<details class="more-fields">
    <summary>${s("columnsTitle",{n:e.columns.length||a.length,all:a.length})}</summary>
    <div class="checks" role="group" aria-label=${s("columnsName")}>${a.map(o=>l`<label class="check"
      key=${o}><input type="checkbox" checked=${r.includes(o)} onChange=${()=>n(o)} />${o}
      </label>`)}</div>
    ${e.columns.length>0&&l`<button class="text-btn" onClick=${()=>t({columns:[]})}>${s("columnsAll")}
      </button>`}</details>`}function pe({schedules:e,busy:t,pause:a,run:r,remove:n}){return l`<section class="card panel" aria-label=${s("schedulesTitle")}>
    <div class="tabs"><h2 class="tab on">${s("schedulesTitle")}</h2></div>
    ${e?e.length?l`<ul class="jobs">
      ${e.map(o=>l`<li key=${o.id}><${Ie} one=${o} isBusy=${t.has(o.id)}
        pause=${a} run=${r} remove=${n} /></li>`)}</ul>`:l`<${E}
      title=${s("schedulesEmpty")}>${s("schedulesEmptyText")}<//>`:l`<div class="skeleton preview-sk"></div>`}
  </section>`}function Ie({one:e,isBusy:t,pause:a,run:r,remove:n}){let o=s("scheduleName",{every:s("every_"+e.every),at:e.at,zone:e.zone});return l`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${o}</b><span
        class=${"state "+(e.enabled?"running":"cancelled")}>${s(e.enabled?"scheduleOn":"schedulePaused")}
        </span></div>
      <div class="job-facts"><span>${A(e.request).join(" · ")}</span></div>
      <div class="job-facts">${e.enabled&&l`<span>${s("nextRun",{time:_(e.next_run_at)})}</span>`}
        <span>${e.complete_through?s("filesThrough",{time:_(e.complete_through)}):s("filesNone")}</span>
        ${e.request.callback_url&&l`<span>${s("callbackTo",{url:e.request.callback_url})}</span>`}</div>
      ${e.waits_for&&l`<div class="job-error">${s("waitsFor",{reason:e.waits_for})}</div>`}
    </div>
    ${w("write")&&l`<div class="job-tools">
      <button class="btn" disabled=${t} onClick=${()=>r(e)}>${s("runNow")}</button>
      <button class="iconbtn" disabled=${t} aria-label=${`${s(e.enabled?"pause":"resume")}: ${o}`}
        title=${s(e.enabled?"pause":"resume")} onClick=${()=>a(e)}><${v}
        name=${e.enabled?"pause":"play"} /></button>
      <button class="iconbtn" disabled=${t} aria-label=${s("deleteFile",{name:o})} title=${s("deleteWord")}
        onClick=${()=>n(e)}><${v} name="trash" /></button></div>`}
  </div>`}var me=20,fe=200,Le=1500,Me=2e4;function qe({pages:e}){let t=w("export"),a=Ue(t),[r,n]=m(null),[o,i]=m(""),$=c=>n({text:s("deleteFileText",{name:c.file_name}),run:()=>a.act(c.id,"DELETE",`exports/${c.id}`)}),u=c=>n({text:s("deleteScheduleText"),run:()=>a.act(c.id,"DELETE",`exports/schedules/${c.id}`)}),f=c=>{i(s(c?"scheduledSaid":"orderedSaid")),a.load()},d=!t||a.jobs!==null&&a.schedules!==null||a.error!==null;return l`<${K} pages=${e} name="exports" title=${s("exports")} intro=${s("exportsIntro")}
    isReady=${d}>
    ${t?l`
      <${de} ordered=${f} />
      <div class="said" role="status">${o}</div>
      <${q} error=${a.error} retry=${a.load} />
      <${ce} jobs=${a.jobs} busy=${a.busy} more=${a.more} remove=${$}
        cancel=${c=>a.act(c.id,"DELETE",`exports/${c.id}`)}
        again=${c=>a.act(c.id,"POST","exports",ne(c.request,c.callback_url))} />
      <${pe} schedules=${a.schedules} busy=${a.busy} remove=${u}
        pause=${c=>a.act(c.id,"PATCH",`exports/schedules/${c.id}`,{enabled:!c.enabled})}
        run=${c=>a.act(c.id,"POST",`exports/schedules/${c.id}/run-now`)} />`:l`<div class="card"><${E} title=${s("noExport")}>${s("noExportText")}<//></div>`}
    ${r&&l`<${Q} title=${s("deleteWord")} text=${r.text} yes=${s("deleteWord")}
      confirm=${()=>{r.run(),n(null)}} close=${()=>n(null)} />`}
  <//>`}function Ue(e){let[t,a]=m({jobs:null,schedules:null,hasMore:!1,error:null}),[r,n]=m(()=>new Set),o=N(0),i=N(me),$=async()=>{if(clearTimeout(o.current),document.hidden)return;let d=Me;try{let[c,S]=await Promise.all([O(`exports?site=${encodeURIComponent(y)}&limit=${i.current}`),O("exports/schedules")]);c.exports.some(I)&&(d=Le),a({jobs:c.exports,schedules:S.schedules.filter(g=>g.site===y),hasMore:c.next_cursor!==null,error:null})}catch(c){a(S=>({...S,error:R(c)}))}clearTimeout(o.current),o.current=setTimeout($,d)};k(()=>{if(e)return $(),document.addEventListener("visibilitychange",$),()=>{clearTimeout(o.current),document.removeEventListener("visibilitychange",$)}},[]);let u=async(d,c,S,g)=>{n(p=>new Set([...p,d]));let h=null;try{await C(c,S,g)}catch(p){h=R(p)}await $(),h&&a(p=>({...p,error:h})),n(p=>new Set([...p].filter(he=>he!==d)))},f=t.hasMore&&i.current<fe?()=>{i.current=Math.min(fe,i.current+me*2),$()}:void 0;return{...t,busy:r,load:$,act:u,more:f}}export{qe as default};
