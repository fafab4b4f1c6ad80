import{Fa as i,Ga as I,Ma as x,Na as P,W as v,Y as _,b as d,c as E,g as p,ga as D,h as O,ha as k,ia as y,ja as C,ka as b,l as F,la as N,v as T,za as g}from"./chunk-UMTCUHV3.js";var M=[["pages",["path","entry_path","exit_path","hostname"]],["sources",["channel","source","referrer","utm_source","utm_medium","utm_campaign","utm_term","utm_content"]],["locations",["country","region","city","language"]],["devices",["browser","os","device","screen"]],["events",["type","subject","payload"]]],R=["entry_path","exit_path"],j=50,A=300,q=["channel","country","region","city","language","browser","os","device"],h="payload.";function K({state:t,go:o,index:r,close:l,isOfEvents:u=!1}){let c=r===null?void 0:k(t.filter)[r],[s,n]=d(()=>U(c)),e=m=>n({...s,...m}),{values:a,isWhole:f}=X(t,W(s),r),$=H(s,a),w=f?S(s,a).filter(m=>!a.includes(m)):[],L=m=>{m.preventDefault(),$&&(o({filter:r===null?N(t.filter,$):b(t.filter,r,$)}),l())};return p`<${g} title=${i(r===null?"addFilter":"editFilter")} close=${l} isNarrow=${!0}>
    <form onSubmit=${L}>
      <${Q} draft=${s} change=${e} isOfEvents=${u} />
      ${B(s.operator)&&p`<${Y} draft=${s} change=${e} options=${a} />`}
      <div class="field muted" role="status">${G(s.operator)&&w.length>0&&i("unknownValue",{value:w.join(", ")})}</div>
      <div class="dlg-foot">
        <button type="button" class="btn" onClick=${l}>${i("cancel")}</button>
        <button class="btn primary" disabled=${!$}>${i("apply")}</button>
      </div>
    </form>
  <//>`}function U(t){let o=t?.field??"path",r=o.startsWith(h);return{field:r?"payload":o,property:r?o.slice(h.length):"",operator:J(t),values:t?.values?.filter(Boolean)??[],typed:""}}function W({field:t,property:o}){return t!=="payload"?t:o?C(o):""}var B=t=>t!=="empty"&&t!=="notEmpty",G=t=>t==="=="||t==="!=";function z({field:t,operator:o},r,l){let u=r.toLowerCase(),c=l.map(e=>v(t,e).toLowerCase()),s=q.includes(t)&&G(o)?c.flatMap((e,a)=>e.startsWith(u)?l[a]:[]):[];return l.find(e=>e===r)??l.find((e,a)=>c[a]===u||e.toLowerCase()===u)??(s.length===1?s[0]:r)}function S(t,o){let r=[...t.values,t.typed.trim()].filter(Boolean);return[...new Set(r.map(l=>z(t,l,o)))]}function H(t,o){let r=W(t);if(!r)return"";if(!B(t.operator))return y(r,t.operator==="empty"?"==":"!=",[""]);let l=S(t,o);return l.length?y(r,t.operator,l):""}function Q({draft:t,change:o,isOfEvents:r}){let l=n=>o({field:n.target.value,values:[],typed:""}),u=n=>o({operator:n.target.value}),c=n=>o({property:n.target.value}),s=(n,e)=>p`<option key=${n} value=${n}>${e}</option>`;return p`<div class="pair">
      <label class="field">${i("field")}
        <select value=${t.field} data-focus onChange=${l}>
          ${M.map(([n,e])=>p`<optgroup key=${n} label=${i(n)}>
            ${e.filter(a=>F(a)&&!(r&&R.includes(a))).map(a=>s(a,I(a)))}
          </optgroup>`)}
        </select>
      </label>
      <label class="field">${i("operator")}
        <select value=${t.operator} onChange=${u}>
          ${[...D,"empty","notEmpty"].map(n=>s(n,i(n)))}
        </select>
      </label>
    </div>
    ${t.field==="payload"&&p`<label class="field">${i("propertyName")}
      <input value=${t.property} placeholder="plan" onInput=${c} />
    </label>`}`}function Y({draft:t,change:o,options:r}){let{field:l,values:u,typed:c}=t,s=e=>{e.key!=="Enter"||!c.trim()||(e.preventDefault(),o({values:S(t,r),typed:""}))},n=e=>o({values:u.filter(a=>a!==e)});return p`<div class="values">
      ${u.map(e=>p`<span class="chip" key=${e}>
        <span class="lbl">${v(l,e)}</span>
        <button type="button" aria-label=${i("remove",{value:e})} onClick=${()=>n(e)}>
          <${_} name="x" size="13" />
        </button>
      </span>`)}
    </div>
    <label class="field">${i(u.length?"anotherValue":"value")}
      <input list="filter-values" autocomplete="off" value=${c} placeholder=${i("valueHint")}
        onInput=${e=>o({typed:e.target.value})} onKeyDown=${s} />
    </label>
    <datalist id="filter-values">
      ${r.filter(e=>!u.includes(e)).map(e=>p`<option key=${e} value=${e}>${v(l,e)}</option>`)}
    </datalist>`}function J(t){return t?.values?.length===1&&t.values[0]===""?t.operator==="=="?"empty":"notEmpty":t?.operator??"=="}function X(t,o,r){let[l,u]=d({...V,dimension:""});return E(()=>{if(!o)return;let c=T(t,r===null?t.filter:b(t.filter,r));c.set("dimension",o);let s=o==="country"?A:j;c.set("limit",String(s));let n=new AbortController,e=setTimeout(()=>x("reports/breakdown?"+c,n.signal).then(a=>u({dimension:o,values:a.rows.flatMap(f=>f.value||[]),isWhole:!a.next_cursor}),()=>{}),o.startsWith(h)?400:0);return()=>{clearTimeout(e),n.abort()}},[o]),l.dimension===o?l:V}var V={values:[],isWhole:!1};function st({state:t,go:o,close:r}){let[l,u]=d(""),[c,s]=d(!1),n=async e=>{e.preventDefault(),s(!0);try{let a=String(new FormData(e.target).get("name")).trim(),f=await P("POST","segments",{site:O,name:a,filter:t.filter});o({filter:f.term}),r()}catch(a){u(a.message||i("offline")),s(!1)}};return p`<${g} title=${i("saveSegment")} close=${r} isNarrow=${!0}><form onSubmit=${n}>
    <label class="field">${i("segmentName")}<input name="name" required maxlength="100" data-focus /></label>
    ${l&&p`<div class="card alert" role="alert"><div>${l}</div></div>`}
    <div class="dlg-foot"><button type="button" class="btn" onClick=${r}>${i("cancel")}</button>
      <button class="btn primary" disabled=${c}>${i("save")}</button></div>
  </form><//>`}export{st as SegmentDialog,K as default,z as meantValue};
