import{c as w}from"./chunk-KNET57ZC.js";import{a as F}from"./chunk-ANQIWG7U.js";import"./chunk-3FAOWEPM.js";import"./chunk-SPHTWQJH.js";import{b as q}from"./chunk-CQVKA6D7.js";import"./chunk-R6ISBZZL.js";import{A as E,Da as R,Ea as l,Ka as h,La as v,b as y,c as g,g as s,h as k,xa as G,ya as O}from"./chunk-DVZ2JOGS.js";await R(()=>import("./words_goal_form-ZTXOXIYK.js"),()=>import("./words_goal_form_de-SJPWLRU6.js"));var j=50;function C(e={}){let o=!!e.path&&(e.type??w)===w,{property:i="",amount:n="",currency:t="",currency_property:a=""}=e.value??{};return{name:e.name??"",kind:o?"page":"event",type:o?"":e.type??"",path:e.path??"",filter:e.filter??"",worth:i?"property":n?"fixed":"none",property:i,amount:n,money:a?"property":t?"fixed":"none",currency:t,currencyProperty:a}}function D(e){let o=e.kind==="page",i=e.money==="fixed"?{currency:e.currency.trim()}:e.money==="property"&&e.worth==="property"?{currency_property:e.currencyProperty.trim()}:{},n=e.worth==="property"?{property:e.property.trim(),...i}:e.worth==="fixed"?{amount:e.amount.trim().replace(",","."),...i}:null;return{name:e.name.trim(),type:o?null:e.type.trim(),path:e.path.trim()||null,filter:e.filter||null,value:n}}function _({goal:e,state:o,saved:i,close:n}){let[t,a]=y(()=>C(e)),[p,d]=y(null),[c,x]=y(!1),P=I(o),u=r=>a(m=>({...m,...r})),T=async r=>{r.preventDefault(),x(!0),d(null);try{let m=D(t),S=e?.id?await v("PATCH",`goals/${e.id}`,m):await v("POST","goals",{site:k,...B(m)});n(),i(S,e?.id?e:void 0)}catch(m){d(O(m)),x(!1)}},f=t.kind==="page";return s`<${q} title=${l(e?.id?"editGoal":"newGoal")} close=${n}>
<form onSubmit=${T}>
<${$} name="goalName" value=${t.name} set=${r=>u({name:r})} isRequired=${!0} most=${200} isFirst=${!0} />
<${b} name="goalKind" value=${t.kind} set=${r=>u({kind:r})} options=${{event:"kindEvent",page:"kindPage"}} />
${!f&&s`<${$} name="goalType" value=${t.type} set=${r=>u({type:r})} isRequired=${!0} known=${P.types} />`}
<${$} name=${f?"goalPath":"goalPathOfType"} value=${t.path} set=${r=>u({path:r})} isRequired=${f}
hint=${l("goalPathHint")} known=${P.paths} />
<div class="field">${l("goalFilter")}<${F} state=${{...o,filter:t.filter}} isOfEvents=${!0}
change=${r=>u({filter:r})} /></div>
<${b} name="goalValue" value=${t.worth} set=${r=>u({worth:r})}
options=${{none:"valueNone",property:"valueProperty",fixed:"valueFixed"}} />
${t.worth==="property"&&s`<${$} name="valueProperty_" value=${t.property} isRequired=${!0} hint="total"
set=${r=>u({property:r})} />`}
${t.worth==="fixed"&&s`<${$} name="amount" value=${t.amount} isRequired=${!0} hint="9.90" set=${r=>u({amount:r})} />`}
${t.worth!=="none"&&s`<${b} name="currency" value=${t.money} set=${r=>u({money:r})}
options=${{none:"currencyNone",fixed:"currencyFixed",...t.worth==="property"&&{property:"currencyFrom"}}} />`}
${t.worth!=="none"&&t.money==="fixed"&&s`<${$} name="currencyFixed" value=${t.currency} isRequired=${!0} hint="EUR" most=${3}
set=${r=>u({currency:r})} />`}
${t.worth==="property"&&t.money==="property"&&s`<${$} name="currencyProperty" value=${t.currencyProperty} isRequired=${!0}
hint="currency" set=${r=>u({currencyProperty:r})} />`}
<${G} error=${p} />
<div class="dlg-foot"><button type="button" class="btn" onClick=${n}>${l("cancel")}</button>
<button class="btn primary" disabled=${c}>${l(e?.id?"save":"create")}</button></div>
</form>
<//>`}var B=e=>Object.fromEntries(Object.entries(e).filter(([,o])=>o!==null)),$=({name:e,value:o,set:i,isRequired:n,hint:t,most:a=1024,known:p,isFirst:d})=>s`<label class="field">${l(e)}
<input value=${o} required=${n} maxlength=${a} placeholder=${t} autocomplete="off" list=${p&&"known-"+e} data-focus=${d}
onInput=${c=>i(c.target.value)} />
${p&&s`<datalist id=${"known-"+e}>${p.map(c=>s`<option key=${c} value=${c} />`)}</datalist>`}</label>`,b=({name:e,value:o,set:i,options:n})=>s`<label class="field">${l(e)}
<select value=${o} onChange=${t=>i(t.target.value)}>
${Object.entries(n).map(([t,a])=>s`<option key=${t} value=${t}>${l(a)}</option>`)}</select></label>`;function I(e){let[o,i]=y({types:[],paths:[]});return g(()=>{let n=`${E(e,"")}&limit=${j}&dimension=`,t=a=>a.rows.flatMap(p=>p.value??[]);h("reports/breakdown?"+n+"type").then(a=>i(p=>({...p,types:t(a)})),()=>{}),h("reports/breakdown?"+n+"path").then(a=>i(p=>({...p,paths:t(a)})),()=>{})},[]),o}export{D as bodyOfGoal,_ as default,C as draftOfGoal,B as present};
