import"../chunks/chunk-PWNQSROH.js";import{f as O}from"../chunks/chunk-QLS6DY2W.js";import{b as N}from"../chunks/chunk-B6TNGEH2.js";import{b as P}from"../chunks/chunk-AZHLYJBZ.js";import{a as C,b as D}from"../chunks/chunk-22CEYVEG.js";import{a as I,b as T,c as F}from"../chunks/chunk-UO3QC5Z5.js";import"../chunks/chunk-QORAWW77.js";import"../chunks/chunk-YF7XTT2S.js";import"../chunks/chunk-ZJPEX3X2.js";import"../chunks/chunk-5QQWLRGC.js";import"../chunks/chunk-6M7UO4EF.js";import{C as k,Ea as w,Fa as a,Ma as h,Pa as A,b as d,c as v,g as r,h as g,m as E,ra as b,v as y,z as f}from"../chunks/chunk-UMTCUHV3.js";var J=`/sites/${encodeURIComponent(g)}/users`,j=new Intl.NumberFormat(w,{minimumFractionDigits:1,maximumFractionDigits:1,signDisplay:"exceptZero"}),V=new Intl.NumberFormat(w,{maximumSignificantDigits:2}),_=e=>j.format(e*100),G=e=>e==null?"–":e<1e-4?"<"+V.format(1e-4):V.format(e);function M({data:e,isBusy:t,params:o,goalName:s,state:p,setControl:l}){let c=W(e.variants);return r`<div class="experiment-notes"><${Q} data=${e} /></div>
    ${e.variants.length>0&&r`<section class=${"card panel"+(t?" busy":"")} aria-label=${s}>
      <div class="tabs"><h2 class="tab on">${s}</h2><span class="grow"></span><label class="control-pick">${a("control")}
        <select value=${o.control} onChange=${i=>l(i.target.value)}>
          <option value="">${a("controlAuto")}</option>
          ${e.variants.map(i=>r`<option key=${i.variant} value=${i.variant}>${i.variant}</option>`)}</select></label></div>
      <div role="table" aria-label=${a("experiments")}>
        <div class="variant heads" role="row">${z.map(([i,n])=>r`<span key=${i} role="columnheader" class=${n}>${a(i)}</span>`)}</div>
        ${e.variants.map(i=>r`<${Y} key=${i.variant} one=${i} isControl=${i.variant===e.control} scale=${c}
          params=${o} state=${p} />`)}
      </div>
    </section>`}
    <div class="main-gap"></div>
    <section class="card reading" aria-labelledby="reading"><h2 class="card-title" id="reading">${a("readTitle")}</h2><ul>
      ${K.map(i=>r`<li key=${i}>${a(i)}</li>`)}</ul></section>`}var z=[["variant",""],["users","n"],["converted","n"],["rateLabel","n"],["difference",""],["pValue","n"]],K=["readDifference","readP","readNarrow","readUsers","readPeek","readSeveral","readLatest"];function Q({data:e}){let t=e.sample_ratio,o=G(t?.p_value);return r`${t?.is_mismatch&&r`<div class="card alert" role="alert"><div><b>${a("mismatch",{p:o})}</b><div>${a("mismatchHelp")}</div></div></div>`}
    ${t&&!t.is_mismatch&&t.p_value!==null&&r`<p class="note-line-text">${a("ratioFine",{p:o})}</p>`}
    ${e.mixed_users>0&&r`<p class="note-line-text">${a("mixed",{n:f(e.mixed_users)},e.mixed_users)} ${a("mixedMany")}</p>`}`}function Y({one:e,isControl:t,scale:o,params:s,state:p}){let l={goal:s.goal,exposure_type:s.exposure_type,variant_property:s.variant,variant:e.variant},c=(i,n)=>E("export")?r`<a href=${C(p,{...l,...n},J)}
    title=${a("usersOfVariant",{name:e.variant})}>${f(i)}</a>`:f(i);return r`<div class="variant" role="row">
    <span role="cell" class="who"><b>${e.variant}</b>${t&&r`<span class="state tagged">${a("isControl")}</span>`}</span>
    <span role="cell" class="n" data-name=${a("users")}>${c(e.users)}</span>
    <span role="cell" class="n" data-name=${a("converted")}>${c(e.converted_users,{converted:"true"})}</span>
    <span role="cell" class="n" data-name=${a("rateLabel")}>${k(e.rate)}</span>
    <span role="cell" class="diff">${e.difference?r`<${Z} name=${e.variant} of=${e.difference} scale=${o} />`:""}</span>
    <span role="cell" class="n" data-name=${e.difference?a("pValue"):void 0}>${e.difference?G(e.difference.p_value):""}</span>
  </div>`}function Z({name:e,of:t,scale:o}){let s=c=>(c-o.low)/(o.high-o.low)*100,p={"--z":s(0)+"%","--l":s(t.low)+"%","--w":s(t.high)-s(t.low)+"%","--p":s(t.absolute)+"%"},l={name:e,value:_(t.absolute),low:_(t.low),high:_(t.high)};return r`<div class="interval" style=${p} role="img" aria-label=${a("intervalLabel",l)}>
      <span class="axis"></span><span class="zero"></span><span class="bar"></span><span class="point"></span></div>
    <div class="interval-text"><b>${a("points",{n:l.value})}</b> · ${a("intervalText",l)}</div>`}function W(e){let t=e.flatMap(({difference:l})=>l?[l.low,l.high]:[]),[o,s]=[Math.min(0,...t),Math.max(0,...t)],p=(s-o)*.06||.01;return{low:o-p,high:s+p}}var q=["exposure_type","variant","goal","control","weight"],R="payload.",L=100;function X({pages:e}){let{state:t,params:o,go:s,open:p}=D(q),l=!!(o.exposure_type&&o.variant&&o.goal),[c,i]=d(!1),n=B(t,o.exposure_type);return r`<${I} pages=${e} name="experiments" title=${a("experiments")} intro=${a("experimentsIntro")} state=${t} go=${s}
      said=${null} silence=${()=>{}} tools=${["filter","period"]} isReady=${n!==null&&(!l||c)}>
    <${ee} key=${q.map($=>o[$]).join(`
`)} params=${o} known=${n} state=${t} open=${p} />
    <div class="main-gap"></div>
    ${l?r`<${ae} params=${o} known=${n} state=${t} go=${s} open=${p} ready=${i} />`:r`<section class="card" aria-label=${a("experiments")}><${b} title=${a("chooseExperiment")}>${a("chooseExperimentText")}<//><${U} /></section>`}
  <//>`}function U({type:e="seen",property:t="variant"}){let o={[O(t)]:"short"},s=[[a("trackCall"),`analytics(${JSON.stringify(e)}, ${JSON.stringify(o)});`],[a("trackJson"),JSON.stringify({type:e,user_id:"ann",payload:o})]];return r`<div class="snippets">${s.map(([p,l])=>r`<div key=${p}><div class="code-head">${p}</div>
    <${P} text=${l} label=${p} /></div>`)}</div>`}function B(e,t){let[o,s]=d(null),[p,l]=d([]),c=y(e,"").toString();return v(()=>{let i=h(`reports/breakdown?${c}&dimension=type&limit=${L}`).then($=>$.rows.map(m=>m.value),()=>[]),n=h("goals?site="+encodeURIComponent(g)).then($=>$.goals,()=>[]);Promise.all([i,n]).then(([$,m])=>s({types:$,goals:m}))},[c]),v(()=>{if(l([]),!t)return;let i=new AbortController;return h(`reports/properties?${c}&type=${encodeURIComponent(t)}&limit=${L}`,i.signal).then(n=>l(n.properties),()=>{}),()=>i.abort()},[c,t]),o&&{...o,properties:p}}function ee({params:e,known:t,state:o,open:s}){let[p,l]=d(e.exposure_type),c=B(o,p)?.properties??t?.properties??[];return r`<form class="card experiment-form" onSubmit=${n=>{n.preventDefault();let $=new FormData(n.target),m=x=>String($.get(x)??"").trim();s({exposure_type:m("exposure_type"),variant:R+m("variant"),goal:m("goal"),weight:m("weight").replace(/\s*,\s*/g,",")})}}>
    <div class="fields">
      <label class="field">${a("exposure")}<input name="exposure_type" list="exposures" required maxlength="1024" autocomplete="off" placeholder="seen"
        title=${a("exposureHint")} defaultValue=${e.exposure_type} onChange=${n=>l(n.target.value.trim())} /></label>
      <datalist id="exposures">${t?.types.map(n=>r`<option key=${n} value=${n} />`)}</datalist>
      <label class="field">${a("variantProperty")}<input name="variant" list="variants" required maxlength="1000" autocomplete="off" placeholder="variant"
        defaultValue=${e.variant.slice(R.length)} /></label>
      <datalist id="variants">${c.map(n=>r`<option key=${n.name} value=${n.property} />`)}</datalist>
      <${te} chosen=${e.goal} known=${t} />
      <label class="field">${a("weights")}<input name="weight" maxlength="1000" autocomplete="off" placeholder=${a("weightsHint")} defaultValue=${e.weight.replaceAll(",",", ")} /></label>
    </div>
    <div class="experiment-foot"><button class="btn primary">${a("showResult")}</button></div>
  </form>`}function te({chosen:e,known:t}){let o=t&&(t.goals.some(s=>s.id===e)||t.types.includes(e));return r`<label class="field">${a("goalOfExperiment")}<select name="goal" required key=${String(t!==null)}>
    <option value="">${a("chooseGoal")}</option>
    ${e&&!o&&r`<option value=${e} selected>${e}</option>`}
    ${t&&t.goals.length>0&&r`<optgroup label=${a("goalsGroup")}>${t.goals.map(s=>r`<option key=${s.id} value=${s.id}
      selected=${s.id===e}>${s.name}</option>`)}</optgroup>`}
    ${t&&t.types.length>0&&r`<optgroup label=${a("eventsGroup")}>${t.types.map(s=>r`<option key=${s} value=${s}
      selected=${s===e}>${N(s)}</option>`)}</optgroup>`}
  </select></label>`}function ae({params:e,known:t,state:o,go:s,open:p,ready:l}){let c=y(o);["exposure_type","variant","goal","control"].forEach(u=>e[u]&&c.set(u,e[u])),e.weight.split(",").filter(Boolean).forEach(u=>c.append("weight",u));let{data:i,error:n,isBusy:$,took:m,retry:x}=A("reports/experiment?"+c),S=i!==null||n!==null;v(()=>l(S),[S]);let H=t?.goals.find(u=>u.id===e.goal)?.name??e.goal;return r`<${T} error=${n} meta=${i?.meta} retry=${x} go=${s} />
    ${i?!i.variants.length&&!i.mixed_users?r`<section class="card" aria-label=${a("experiments")}><${b} title=${a("noExposures")}>${a("noExposuresText")}<//>
        <${U} type=${e.exposure_type} property=${e.variant.slice(R.length)} /></section>`:r`<${M} data=${i} isBusy=${$} params=${e} goalName=${H} state=${o}
        setControl=${u=>p({...e,control:u},!0)} />`:!n&&r`<div class="card"><div class="skeleton list-sk"></div></div>`}
    ${i&&r`<${F} meta=${i.meta} took=${m} />`}`}export{X as default};
