import{b as V}from"../chunks/chunk-3FAOWEPM.js";import{a as T,b as F,c as N,d as O,e as A}from"../chunks/chunk-SPHTWQJH.js";import"../chunks/chunk-R6ISBZZL.js";import{$ as C,A as f,Ca as w,Da as D,E as h,Ea as s,H as k,Ka as y,Na as I,_ as P,b as d,c as v,ca as b,g as o,h as g,n as E}from"../chunks/chunk-DVZ2JOGS.js";var J=`/sites/${encodeURIComponent(g)}/users`,j=new Intl.NumberFormat(w,{minimumFractionDigits:1,maximumFractionDigits:1,signDisplay:"exceptZero"}),q=new Intl.NumberFormat(w,{maximumSignificantDigits:2}),_=e=>j.format(e*100),G=e=>e==null?"–":e<1e-4?"<"+q.format(1e-4):q.format(e);function M({data:e,isBusy:t,params:r,goalName:a,state:l,setControl:n}){let p=Z(e.variants);return o`<div class="experiment-notes"><${Q} data=${e} /></div>
${e.variants.length>0&&o`<section class=${"card panel"+(t?" busy":"")} aria-label=${a}>
<div class="tabs"><h2 class="tab on">${a}</h2><span class="grow"></span><label class="control-pick">${s("control")}
<select value=${r.control} onChange=${i=>n(i.target.value)}>
<option value="">${s("controlAuto")}</option>
${e.variants.map(i=>o`<option key=${i.variant} value=${i.variant}>${i.variant}</option>`)}</select></label></div>
<div role="table" aria-label=${s("experiments")}>
<div class="variant heads" role="row">${z.map(([i,c])=>o`<span key=${i} role="columnheader" class=${c}>${s(i)}</span>`)}</div>
${e.variants.map(i=>o`<${W} key=${i.variant} one=${i} isControl=${i.variant===e.control} scale=${p}
params=${r} state=${l} />`)}
</div>
</section>`}
<div class="main-gap"></div>
<section class="card reading" aria-labelledby="reading"><h2 class="card-title" id="reading">${s("readTitle")}</h2><ul>
${K.map(i=>o`<li key=${i}>${s(i)}</li>`)}</ul></section>`}var z=[["variant",""],["users","n"],["converted","n"],["rateLabel","n"],["difference",""],["pValue","n"]],K=["readDifference","readP","readNarrow","readUsers","readPeek","readSeveral","readLatest"];function Q({data:e}){let t=e.sample_ratio,r=G(t?.p_value);return o`${t?.is_mismatch&&o`<div class="card alert" role="alert"><div><b>${s("mismatch",{p:r})}</b><div>${s("mismatchHelp")}</div></div></div>`}
${t&&!t.is_mismatch&&t.p_value!==null&&o`<p class="note-line-text">${s("ratioFine",{p:r})}</p>`}
${e.mixed_users>0&&o`<p class="note-line-text">${s("mixed",{n:h(e.mixed_users)},e.mixed_users)} ${s("mixedMany")}</p>`}`}function W({one:e,isControl:t,scale:r,params:a,state:l}){let n={goal:a.goal,exposure_type:a.exposure_type,variant_property:a.variant,variant:e.variant},p=(i,c)=>E("export")?o`<a href=${O(l,{...n,...c},J)}
title=${s("usersOfVariant",{name:e.variant})}>${h(i)}</a>`:h(i);return o`<div class="variant" role="row">
<span role="cell" class="who"><b>${e.variant}</b>${t&&o`<span class="state tagged">${s("isControl")}</span>`}</span>
<span role="cell" class="n" data-name=${s("users")}>${p(e.users)}</span>
<span role="cell" class="n" data-name=${s("converted")}>${p(e.converted_users,{converted:"true"})}</span>
<span role="cell" class="n" data-name=${s("rateLabel")}>${k(e.rate)}</span>
<span role="cell" class="diff">${e.difference?o`<${Y} name=${e.variant} of=${e.difference} scale=${r} />`:""}</span>
<span role="cell" class="n" data-name=${e.difference?s("pValue"):void 0}>${e.difference?G(e.difference.p_value):""}</span>
</div>`}function Y({name:e,of:t,scale:r}){let a=p=>(p-r.low)/(r.high-r.low)*100,l={"--z":a(0)+"%","--l":a(t.low)+"%","--w":a(t.high)-a(t.low)+"%","--p":a(t.absolute)+"%"},n={name:e,value:_(t.absolute),low:_(t.low),high:_(t.high)};return o`<div class="interval" style=${l} role="img" aria-label=${s("intervalLabel",n)}>
<span class="axis"></span><span class="zero"></span><span class="bar"></span><span class="point"></span></div>
<div class="interval-text"><b>${s("points",{n:n.value})}</b> · ${s("intervalText",n)}</div>`}function Z(e){let t=e.flatMap(({difference:n})=>n?[n.low,n.high]:[]),[r,a]=[Math.min(0,...t),Math.max(0,...t)],l=(a-r)*.06||.01;return{low:r-l,high:a+l}}await D(()=>import("../chunks/words_experiments-FXGH7LIY.js"),()=>import("../chunks/words_experiments_de-MCNRZG2I.js"));var L=["exposure_type","variant","goal","control","weight"],S="payload.",U=100;function X({pages:e}){let{state:t,params:r,go:a,open:l}=A(L),n=!!(r.exposure_type&&r.variant&&r.goal),[p,i]=d(!1),c=ee(t);return o`<${T} pages=${e} name="experiments" title=${s("experiments")} intro=${s("experimentsIntro")} state=${t} go=${a}
said=${null} silence=${()=>{}} tools=${["filter","period"]} isReady=${c!==null&&(!n||p)}>
<${ae} key=${L.map(m=>r[m]).join(`
`)} params=${r} known=${c} state=${t} open=${l} />
<div class="main-gap"></div>
${n?o`<${oe} params=${r} known=${c} state=${t} go=${a} open=${l} ready=${i} />`:o`<section class="card" aria-label=${s("experiments")}><${b} title=${s("chooseExperiment")}>${s("chooseExperimentText")}<//><${B} /></section>`}
<//>`}function B({type:e="seen",property:t="variant"}){let r={[C(t)]:"short"},a=[[s("trackCall"),`analytics(${JSON.stringify(e)}, ${JSON.stringify(r)});`],[s("trackJson"),JSON.stringify({type:e,user_id:"ann",payload:r})]];return o`<div class="snippets">${a.map(([l,n])=>o`<div key=${l}><div class="code-head">${l}</div>
<${V} text=${n} label=${l} /></div>`)}</div>`}function ee(e){let[t,r]=d(null),a=f(e,"").toString();return v(()=>{let l=y(`reports/breakdown?${a}&dimension=type&limit=${U}`).then(p=>p.rows.map(i=>i.value),()=>[]),n=y("goals?site="+encodeURIComponent(g)).then(p=>p.goals,()=>[]);Promise.all([l,n]).then(([p,i])=>r({types:p,goals:i}))},[a]),t}function te(e,t){let[r,a]=d([]),l=f(e,"").toString();return v(()=>{if(a([]),!t)return;let n=new AbortController;return y(`reports/properties?${l}&type=${encodeURIComponent(t)}&limit=${U}`,n.signal).then(p=>a(p.properties),()=>{}),()=>n.abort()},[l,t]),r}function ae({params:e,known:t,state:r,open:a}){let[l,n]=d(e.exposure_type),p=te(r,l);return o`<form class="card experiment-form" onSubmit=${c=>{c.preventDefault();let m=new FormData(c.target),u=x=>String(m.get(x)??"").trim();a({exposure_type:u("exposure_type"),variant:S+u("variant"),goal:u("goal"),weight:u("weight").replace(/\s*,\s*/g,",")})}}>
<div class="fields">
<label class="field">${s("exposure")}<input name="exposure_type" list="exposures" required maxlength="1024" autocomplete="off" placeholder="seen"
title=${s("exposureHint")} defaultValue=${e.exposure_type} onChange=${c=>n(c.target.value.trim())} /></label>
<datalist id="exposures">${t?.types.map(c=>o`<option key=${c} value=${c} />`)}</datalist>
<label class="field">${s("variantProperty")}<input name="variant" list="variants" required maxlength="1000" autocomplete="off" placeholder="variant"
defaultValue=${e.variant.slice(S.length)} /></label>
<datalist id="variants">${p.map(c=>o`<option key=${c.name} value=${c.property} />`)}</datalist>
<${se} chosen=${e.goal} known=${t} />
<label class="field">${s("weights")}<input name="weight" maxlength="1000" autocomplete="off" placeholder=${s("weightsHint")} defaultValue=${e.weight.replaceAll(",",", ")} /></label>
</div>
<div class="experiment-foot"><button class="btn primary">${s("showResult")}</button></div>
</form>`}function se({chosen:e,known:t}){let r=t&&(t.goals.some(a=>a.id===e)||t.types.includes(e));return o`<label class="field">${s("goalOfExperiment")}<select name="goal" required key=${String(t!==null)}>
<option value="">${s("chooseGoal")}</option>
${e&&!r&&o`<option value=${e} selected>${e}</option>`}
${t&&t.goals.length>0&&o`<optgroup label=${s("goalsGroup")}>${t.goals.map(a=>o`<option key=${a.id} value=${a.id}
selected=${a.id===e}>${a.name}</option>`)}</optgroup>`}
${t&&t.types.length>0&&o`<optgroup label=${s("eventsGroup")}>${t.types.map(a=>o`<option key=${a} value=${a}
selected=${a===e}>${P(a)}</option>`)}</optgroup>`}
</select></label>`}function oe({params:e,known:t,state:r,go:a,open:l,ready:n}){let p=f(r);["exposure_type","variant","goal","control"].forEach($=>e[$]&&p.set($,e[$])),e.weight.split(",").filter(Boolean).forEach($=>p.append("weight",$));let{data:i,error:c,isBusy:m,took:u,retry:x}=I("reports/experiment?"+p),R=i!==null||c!==null;v(()=>n(R),[R]);let H=t?.goals.find($=>$.id===e.goal)?.name??e.goal;return o`<${F} error=${c} meta=${i?.meta} retry=${x} go=${a} />
${i?!i.variants.length&&!i.mixed_users?o`<section class="card" aria-label=${s("experiments")}><${b} title=${s("noExposures")}>${s("noExposuresText")}<//>
<${B} type=${e.exposure_type} property=${e.variant.slice(S.length)} /></section>`:o`<${M} data=${i} isBusy=${m} params=${e} goalName=${H} state=${r}
setControl=${$=>l({...e,control:$},!0)} />`:!c&&o`<div class="card"><div class="skeleton list-sk"></div></div>`}
${i&&o`<${N} meta=${i.meta} took=${u} />`}`}export{X as default};
