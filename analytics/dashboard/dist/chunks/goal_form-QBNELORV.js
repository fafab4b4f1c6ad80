import{a as h}from"./chunk-B6TNGEH2.js";import{a as R}from"./chunk-H7AHVZYQ.js";import{Ba as G,Ca as O,Fa as l,Ma as v,Na as w,b as m,c as g,g as s,h as k,v as E,za as q}from"./chunk-UMTCUHV3.js";var S=50;function j(e={}){let n=!!e.path&&(e.type??h)===h,{property:i="",amount:o="",currency:t="",currency_property:a=""}=e.value??{};return{name:e.name??"",kind:n?"page":"event",type:n?"":e.type??"",path:e.path??"",filter:e.filter??"",worth:i?"property":o?"fixed":"none",property:i,amount:o,money:a?"property":t?"fixed":"none",currency:t,currencyProperty:a}}function C(e){let n=e.kind==="page",i=e.money==="fixed"?{currency:e.currency.trim()}:e.money==="property"&&e.worth==="property"?{currency_property:e.currencyProperty.trim()}:{},o=e.worth==="property"?{property:e.property.trim(),...i}:e.worth==="fixed"?{amount:e.amount.trim().replace(",","."),...i}:null;return{name:e.name.trim(),type:n?null:e.type.trim(),path:e.path.trim()||null,filter:e.filter||null,value:o}}function D({goal:e,state:n,saved:i,close:o}){let[t,a]=m(()=>j(e)),[p,d]=m(null),[c,x]=m(!1),P=B(n),u=r=>a(y=>({...y,...r})),F=async r=>{r.preventDefault(),x(!0),d(null);try{let y=C(t),T=e?.id?await w("PATCH",`goals/${e.id}`,y):await w("POST","goals",{site:k,..._(y)});o(),i(T,e?.id?e:void 0)}catch(y){d(O(y)),x(!1)}},f=t.kind==="page";return s`<${q} title=${l(e?.id?"editGoal":"newGoal")} close=${o}>
    <form onSubmit=${F}>
      <${$} name="goalName" value=${t.name} set=${r=>u({name:r})} isRequired=${!0} most=${200} isFirst=${!0} />
      <${b} name="goalKind" value=${t.kind} set=${r=>u({kind:r})} options=${{event:"kindEvent",page:"kindPage"}} />
      ${!f&&s`<${$} name="goalType" value=${t.type} set=${r=>u({type:r})} isRequired=${!0} known=${P.types} />`}
      <${$} name=${f?"goalPath":"goalPathOfType"} value=${t.path} set=${r=>u({path:r})} isRequired=${f}
        hint=${l("goalPathHint")} known=${P.paths} />
      <div class="field">${l("goalFilter")}<${R} state=${{...n,filter:t.filter}} isOfEvents=${!0}
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
      <div class="dlg-foot"><button type="button" class="btn" onClick=${o}>${l("cancel")}</button>
        <button class="btn primary" disabled=${c}>${l(e?.id?"save":"create")}</button></div>
    </form>
  <//>`}var _=e=>Object.fromEntries(Object.entries(e).filter(([,n])=>n!==null)),$=({name:e,value:n,set:i,isRequired:o,hint:t,most:a=1024,known:p,isFirst:d})=>s`<label class="field">${l(e)}
  <input value=${n} required=${o} maxlength=${a} placeholder=${t} autocomplete="off" list=${p&&"known-"+e} data-focus=${d}
    onInput=${c=>i(c.target.value)} />
  ${p&&s`<datalist id=${"known-"+e}>${p.map(c=>s`<option key=${c} value=${c} />`)}</datalist>`}</label>`,b=({name:e,value:n,set:i,options:o})=>s`<label class="field">${l(e)}
  <select value=${n} onChange=${t=>i(t.target.value)}>
    ${Object.entries(o).map(([t,a])=>s`<option key=${t} value=${t}>${l(a)}</option>`)}</select></label>`;function B(e){let[n,i]=m({types:[],paths:[]});return g(()=>{let o=`${E(e,"")}&limit=${S}&dimension=`,t=a=>a.rows.flatMap(p=>p.value??[]);v("reports/breakdown?"+o+"type").then(a=>i(p=>({...p,types:t(a)})),()=>{}),v("reports/breakdown?"+o+"path").then(a=>i(p=>({...p,paths:t(a)})),()=>{})},[]),n}export{C as bodyOfGoal,D as default,j as draftOfGoal,_ as present};
